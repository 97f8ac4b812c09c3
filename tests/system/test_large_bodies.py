"""Bodies far above what any endpoint takes: refused in order, and never stored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contextsys.server import LARGEST_BODY
from tests.instances import Instance

PART = b"x" * 2**20
PARTS = 3 * LARGEST_BODY // len(PART)


def held(instance: Instance) -> int:
    """Bytes of the largest file that the server has open, apart from its database."""
    assert instance.process is not None
    sizes = [0]
    for entry in Path(f"/proc/{instance.process.pid}/fd").iterdir():
        try:
            if entry.readlink().name.endswith("(deleted)"):
                sizes.append(entry.stat().st_size)
        except FileNotFoundError:
            continue  # Closed since.
    return max(sizes)


@pytest.mark.one_process
@pytest.mark.parametrize("with_length", [True, False], ids=["with length", "in chunks"])
@pytest.mark.parametrize("path", ["hooks/claude-code/", "contexts/task/", "health/"])
def test_a_body_without_end_fills_no_disk(instance: Instance, path: str, with_length: bool) -> None:
    most = 0

    def body() -> Iterator[bytes]:
        nonlocal most
        for _ in range(PARTS):
            most = max(most, held(instance))
            yield PART

    headers = {"Content-Type": "application/json"}
    if with_length:
        headers["Content-Length"] = str(PARTS * len(PART))
    with instance.client() as client:
        answer = client.post(f"api/v1/{path}", content=body(), headers=headers)
        expected = (405, "method_not_allowed") if path == "health/" else (413, "body_too_large")
        assert (answer.status_code, answer.json()["code"]) == expected
        assert 2**20 < most <= LARGEST_BODY
        assert client.get("api/v1/health/").status_code == 200
