"""What test runners really printed, read by the code under test."""

from pathlib import Path

from contexts.extraction import runners
from contexts.extraction.results import Run

PRINTED = Path(__file__).resolve().parent.parent.parent / "data" / "runners"
COUNTS = ("passed", "failed", "errors", "skipped")


def printed(name: str) -> str:
    """The output in a file of `tests/data/runners/`."""
    return (PRINTED / name).read_bytes().decode()


def read(name: str) -> Run:
    """The run in such a file, which must be one, the same with its runner named and without."""
    output = printed(name)
    run = runners.read(output)
    assert run is not None
    assert runners.read(output, [name.split("-")[0]]) == run
    return run


def counts(run: Run) -> tuple[int | None, ...]:
    return tuple(run.results()[name] for name in COUNTS)


def told(run: Run) -> list[tuple[str, str, str]]:
    """Name, file and first line of the message of every failure."""
    documents = run.failure_documents()
    return [(each["name"], each["file"], each["message"].split("\n")[0]) for each in documents]
