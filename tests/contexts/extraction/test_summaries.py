"""The sentence that says what an edit did."""

import pytest

from contexts.extraction.diffs import FileDiff, Hunk
from contexts.extraction.summaries import Edited, summary_of
from contexts.extraction.symbols import Touched


def file(path: str, added: int = 0, removed: int = 0, **more: str) -> FileDiff:
    lines = ["+a"] * added + ["-b"] * removed
    hunks = [Hunk(lines=lines)] if lines else []
    status, before = more.get("status", "modified"), more.get("before")
    return FileDiff(path, status, before, status == "binary", hunks)


def edited(
    path: str = "a.py",
    added: str = "",
    changed: str = "",
    removed: str = "",
    gained: dict[str, set[str]] | None = None,
    **more: str,
) -> Edited:
    touched = Touched(added.split(), removed.split(), changed.split())
    return Edited(file(path, 4, 2, **more), touched, gained or {})


BINARY = Edited(FileDiff("logo.png", binary=True))
SENTENCES = [
    ([edited(changed="CloudClient.push", removed="legacy_push",
             gained={"retry": {"CloudClient.push"}}), edited("b.py")],
     "Adds retry to `CloudClient.push`, removes `legacy_push`, edits `b.py`; 2 files, +8 −4"),
    ([edited(added="f")], "Adds `f`; 1 file, +4 −2"),
    ([edited(added="f g")], "Adds `f` and `g`; 1 file, +4 −2"),
    ([edited(added="f g h i j")], "Adds `f`, `g`, `h` and 2 more; 1 file, +4 −2"),
    ([edited(added="A A.f A.g", changed="h")], "Adds `A`, changes `h`; 1 file, +4 −2"),
    ([edited(added="A.f", changed="A")], "Adds `A.f`; 1 file, +4 −2"),
    ([edited(changed="f", gained={"caching": {"f"}, "a lock": {"f"}})],
     "Adds a lock to `f`, adds caching to `f`; 1 file, +4 −2"),
    ([edited(added="A A.f", status="added")], "Creates `a.py` with `A`; 1 file, +4 −2"),
    ([edited(added="A", status="added"), edited("b.py", added="B", status="added")],
     "Creates `a.py` and `b.py`; 2 files, +8 −4"),
    ([edited(removed="f", status="deleted")], "Deletes `a.py`; 1 file, +4 −2"),
    ([edited("new.py", status="renamed", before="old.py")],
     "Renames `old.py` to `new.py`; 1 file, +4 −2"),
    ([edited("c", status="renamed", before="a"), edited("d", status="renamed", before="b")],
     "Renames `a` to `c` and 1 more file; 2 files, +8 −4"),
    ([edited("README.md")], "Edits `README.md`; 1 file, +4 −2"),
    ([edited("/home/me/x/README.md")], "Edits `README.md`; 1 file, +4 −2"),
    ([edited("C:\\x\\README.md")], "Edits `README.md`; 1 file, +4 −2"),
    ([BINARY], "Replaces `logo.png`; 1 file, +0 −0"),
    ([Edited(FileDiff("run.sh"))], "Touches `run.sh`; 1 file, +0 −0"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "wanted"), SENTENCES, ids=range(len(SENTENCES)))
def test_a_sentence_says_what_a_person_would(edits: list[Edited], wanted: str) -> None:
    assert summary_of(edits, [each.file.path for each in edits]) == wanted


def test_without_a_diff_the_files_are_named() -> None:
    assert summary_of([], ["a.py", "/x/b.py"]) == "Edits `a.py` and `b.py`"
    assert summary_of([], []) == ""


def test_a_long_sentence_stays_one() -> None:
    names = " ".join(f"{'n' * 300}{number}" for number in range(100))
    edits = [edited(f"{number}/{'p' * 500}", names, names, names) for number in range(50)]
    assert len(summary_of(edits, [])) < 2_000
