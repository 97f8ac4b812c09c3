"""`file_edit`, from what an agent posts and from what its tools did."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contexts.extraction import edits
from contexts.extraction.edits import file_edit, from_patch, from_texts

TRANSCRIPTS = Path(__file__).parents[2] / "data" / "transcripts"
EMPTY = {"files_modified": [], "change_summary": "", "changes": [], "patterns_used": []}
OLD = "class Client:\n    def push(self):\n        self.send()\n\n\ndef legacy_push():\n    pass\n"
NEW = (
    "class Client:\n    def push(self):\n        for attempt in range(3):\n"
    "            self.send()\n"
)
SUMMARY = "Adds retry to `Client.push`, removes `legacy_push`; 1 file, +2 −5"
CHANGE = {
    "path": "app/client.py",
    "status": "modified",
    "added": 2,
    "removed": 5,
    "renamed_from": None,
    "symbols": ["Client.push", "legacy_push"],
}


def diff() -> str:
    return str(from_texts("app/client.py", OLD, NEW)["diff"])


def test_a_diff_tells_files_counts_functions_patterns_and_a_sentence() -> None:
    assert file_edit({"file_paths": ["app/client.py"], "changes": diff()}) == {
        "files_modified": ["app/client.py"],
        "change_summary": SUMMARY,
        "changes": [CHANGE],
        "patterns_used": ["retry"],
    }


@pytest.mark.parametrize("content", [NEW, "nothing of it", ""])
def test_the_new_text_changes_nothing_that_the_diff_tells(content: str) -> None:
    told = file_edit({"changes": diff(), "content": content})
    assert (told["changes"], told["change_summary"]) == ([CHANGE], SUMMARY)
    assert told["patterns_used"] == ["retry"]


def test_patterns_that_were_there_before_are_not_used_by_the_edit() -> None:
    old = f"@dataclass\nclass A:\n    x: int\n\n\n{OLD}"
    told = from_texts("a.py", old, old.replace("self.send()", "self.send(1)"))
    assert (told["patterns_used"], told["changes"][0]["symbols"]) == ([], ["Client.push"])


def test_a_line_that_completes_a_pattern_counts() -> None:
    old = "while True:\n    try:\n        f()\n    except OSError:\n        pass\n"
    told = from_texts("a.py", old, old.replace("pass", "time.sleep(1)"))
    assert told["patterns_used"] == ["retry"]


def test_a_text_alone_shows_its_patterns() -> None:
    told = file_edit(
        {"file_paths": ["a.py", "b.py"], "content": "@dataclass\nclass A:\n    x: int"}
    )
    assert told["patterns_used"] == ["dataclass"]
    assert told["files_modified"] == ["a.py", "b.py"]
    assert told["change_summary"] == "Edits `a.py` and `b.py`"


def test_a_path_from_the_root_and_one_in_the_diff_are_one_file() -> None:
    told = file_edit({"file_paths": ["/home/me/app/client.py", "other.md"], "changes": diff()})
    assert told["files_modified"] == ["app/client.py", "other.md"]


def test_the_old_name_of_a_file_is_not_modified() -> None:
    text = "diff --git a/x.py b/y.py\nsimilarity index 100%\nrename from x.py\nrename to y.py\n"
    told = file_edit({"file_paths": ["x.py", "y.py"], "changes": text})
    assert told["files_modified"] == ["y.py"]
    assert told["changes"][0]["renamed_from"] == "x.py"
    assert told["change_summary"] == "Renames `x.py` to `y.py`; 1 file, +0 −0"


def test_a_diff_without_names_is_of_the_file_that_is_named() -> None:
    told = file_edit({"file_paths": ["a.py"], "changes": "@@ -1 +1 @@\n-x = 1\n+x = 2\n"})
    assert [(each["path"], each["added"]) for each in told["changes"]] == [("a.py", 1)]


@pytest.mark.parametrize(
    "changes",
    [lambda: [diff()], lambda: {"diff": diff()}, lambda: [{"patch": diff()}, 3, None, {"diff": 1}]],
)
def test_diffs_in_lists_and_objects_are_found(changes: Any) -> None:
    assert file_edit({"changes": changes()})["changes"] == [CHANGE]


# What tools did.


def test_a_coloured_diff_is_a_diff() -> None:
    red, green, bold, end = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[m"
    changes = (
        f"{bold}diff --git a/a.txt b/a.txt{end}\n{bold}--- a/a.txt{end}\n{bold}+++ b/a.txt{end}\n"
        f"\x1b[36m@@ -1,2 +1,2 @@{end}\n one{end}\n{red}-two{end}\n{green}+{end}{green}three{end}\n"
    )
    (change,) = file_edit({"changes": changes})["changes"]
    assert (change["path"], change["added"], change["removed"]) == ("a.txt", 1, 1)


def test_colours_of_a_diff_end_no_line() -> None:
    bold, end = "\x1b[1m", "\x1b[m"
    changes = (
        f"{bold}diff --git a/a.txt b/a.txt{end}\n{bold}--- a/a.txt{end}\n{bold}+++ b/a.txt{end}\n"
        f"\x1b[36m@@ -1 +1,2 @@{end}\n one{end}\n\x1b[32m+{end}\x1b[32mtwo{end}\x1b[41m\r{end}\n"
        f"{bold}diff --git a/b.txt b/b.txt{end}\n"
        f"{bold}old mode 100644{end}\n{bold}new mode 100755{end}\n"
    )
    found = file_edit({"changes": changes})["changes"]
    assert [(each["path"], each["added"]) for each in found] == [("a.txt", 1), ("b.txt", 0)]


def test_an_escape_in_a_plain_diff_is_the_files_own() -> None:
    changes = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-red\n+\x1b[31mred\x1b[m\n"
    (change,) = file_edit({"changes": "\ufeff" + changes})["changes"]
    assert (change["path"], change["added"], change["removed"]) == ("a.txt", 1, 1)


def test_pieces_without_a_newline_at_their_ends_are_lines() -> None:
    edits = [
        {"old_string": "    return 1", "new_string": "    return 1\n\n\ndef b():\n    return 2"}
    ]
    (change,) = file_edit({"file_paths": ["a.py"], "edits": edits})["changes"]
    assert (change["added"], change["removed"]) == (4, 0)
    assert change["symbols"] == ["b"]


def test_recorded_edits_give_their_files_and_counts() -> None:
    told = []
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            result = json.loads(line).get("toolUseResult")
            if isinstance(result, dict) and "structuredPatch" in result:
                made = result.get("type") == "create"
                patch, original = result["structuredPatch"], result["originalFile"]
                done = from_patch(result["filePath"], patch, original, result.get("content"), made)
                (change,) = done["changes"]
                told.append((*(change[name] for name in ("status", "added", "removed")),
                             change["symbols"], change["path"].rpartition("/")[2]))  # fmt: skip
    assert told == [
        ("modified", 5, 0, ["multiply_numbers"], "math_utils.py"),
        ("modified", 8, 1, ["test_multiply_numbers"], "test_math_utils.py"),
        ("modified", 7, 0, [], ".gitignore"),
        ("added", 2, 0, [], "hello.sh"),
    ]


EVENTS = [
    ("edit", {"edits": [{"old_string": "a\n", "new_string": "b\nc\n"}],
              "original_content": "x\na\n"}, ("modified", 2, 1)),
    ("edits one after the other", {"edits": [{"old_string": "a", "new_string": "b"},
     {"old_string": "b", "new_string": "c"}], "original_content": "a\n"}, ("modified", 1, 1)),
    ("everywhere", {"edits": [{"old_string": "a", "new_string": "b", "replace_all": True}],
                    "original_content": "a\nx\na\n"}, ("modified", 2, 2)),
    ("the original is not known", {"edits": [{"old_string": "a\nb", "new_string": "a\nc"}]},
     ("modified", 1, 1)),
    ("an edit that makes a file", {"edits": [{"old_string": "", "new_string": "a\nb\n"}],
                                   "original_content": None}, ("added", 2, 0)),
    ("write", {"content": "a\nb", "status": "added", "structured_patch": []}, ("added", 2, 0)),
    ("write nothing", {"content": "", "status": "added"}, ("added", 0, 0)),
    ("write over", {"content": "a\nb\n", "status": "modified", "original_content": "a\nc\n"},
     ("modified", 1, 1)),
    ("write the same", {"content": "a\n", "status": "modified", "original_content": "a\n",
                        "structured_patch": []}, ("modified", 0, 0)),
    ("patch", {"structured_patch": [{"oldStart": 1, "newStart": 1, "lines": ["-a", "+b", " c"]}]},
     ("modified", 1, 1)),
    ("patch with odd parts", {"structured_patch": [None, {"lines": 3}, {"lines": ["+b", 4, "?"]}]},
     ("modified", 1, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("data", "wanted"), [r[1:] for r in EVENTS], ids=[r[0] for r in EVENTS])
def test_a_tools_edit_tells_status_and_counts(
    data: dict[str, Any], wanted: tuple[str, int, int]
) -> None:
    told = file_edit({"file_paths": ["a.txt"], **data})
    (change,) = told["changes"]
    assert (change["status"], change["added"], change["removed"]) == wanted
    again = file_edit({"changes": told["diff"]})["changes"]
    assert again == ([change] if told["diff"] else [])


def test_what_a_write_changed_is_not_guessed() -> None:
    told = file_edit({"file_paths": ["a.txt"], "content": "a\n", "status": "modified"})
    assert (told["changes"], told["files_modified"]) == ([], ["a.txt"])


texts = st.lists(st.sampled_from(["a", "b", "c", "", "def f():"]), max_size=12).map("\n".join)


@given(texts | texts.map("{}\n".format), texts | texts.map("{}\n".format))
def test_the_diff_of_two_texts_is_one_that_git_would_apply(old: str, new: str) -> None:
    told = from_texts("a.py", old, new)
    lines = [len(text.split("\n")) - (text[-1:] in ("", "\n")) for text in (old, new)]
    (change,) = told["changes"]
    assert change["added"] - change["removed"] == lines[1] - lines[0]
    assert bool(told["diff"]) == (old != new)


# What must not cost anything.

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
KEYS = ("file_paths", "changes", "content", "edits", "structured_patch", "original_content",
        "status")  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), values | st.just("a.py") | st.lists(st.just("a.py"))))
def test_any_object_is_taken(data: dict[str, Any]) -> None:
    told = file_edit(data)
    assert EMPTY.keys() <= told.keys()
    json.dumps(told)


def test_nothing_gives_nothing() -> None:
    assert file_edit({}) == EMPTY


def test_a_large_diff_is_counted_in_whole_and_searched_in_part() -> None:
    head = "--- a/{0}.py\n+++ b/{0}.py\n"
    rows = "".join(f"+    value_{number} = compute(something)\n" for number in range(140_000))
    text = head.format("big") + "@@ -1,0 +1,140000 @@\n" + rows + head.format("small")
    text += "@@ -1 +1 @@\n-a\n+@dataclass\n"
    assert len(text) > 5_000_000
    start = time.process_time()
    told = file_edit({"changes": text})
    assert time.process_time() - start < 10
    assert [each["added"] for each in told["changes"]] == [140_000, 1]
    assert (told["cut"], told["patterns_used"]) == ({"searched": False}, ["dataclass"])


def test_what_is_beyond_the_limits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "MOST_FILES", 2)
    monkeypatch.setattr(edits, "MOST_SYMBOLS", 1)
    monkeypatch.setattr(edits, "LONGEST_DIFF", 200)
    body = "@@ -1 +1,2 @@\n-a\n+def a(): pass\n+def b(): pass\n"
    text = "".join(f"--- a/{n}.py\n+++ b/{n}.py\n{body}" for n in range(9))
    told = file_edit({"changes": text})
    assert [each["path"] for each in told["changes"]] == ["0.py", "1.py"]
    assert told["files_modified"] == ["0.py", "1.py"]
    cut = told["cut"]
    assert (cut["files"], cut["symbols"]) == (1, 2)
    assert cut["characters"] == len(text) - text.rfind("\n", 0, 200) - 1
