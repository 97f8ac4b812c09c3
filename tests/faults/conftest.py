"""What all fault tests share: their seed, and everyone's logs beside a failure.

They are one group, so that two of their clusters never compete for the machine.

`FAULTS_SEED=N pytest tests/faults` draws the same again; each failure prints its seed. In CI the
seed is always the same, at night another one each time.
"""

import os
import random
from collections.abc import Generator
from typing import Any, Protocol, runtime_checkable

import pytest


@runtime_checkable
class Logging(Protocol):
    """What a test got that has logs to show."""

    def logs(self) -> str: ...


@pytest.fixture(scope="session")
def base_seed(request: pytest.FixtureRequest) -> int:
    given = os.environ.get("FAULTS_SEED")
    if given is not None:
        return int(given)
    return random.randrange(2**31) if request.config.getoption("--nightly") else 1


@pytest.fixture
def seed(base_seed: int) -> int:
    """From which a test draws all that is left to chance; printed with a failure."""
    print(f"FAULTS_SEED={base_seed}")
    return base_seed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.failed:
        values: dict[str, Any] = getattr(item, "funcargs", {})
        for value in values.values():
            if isinstance(value, Logging):
                report.sections.append(("the processes' logs", value.logs()))
    return report
