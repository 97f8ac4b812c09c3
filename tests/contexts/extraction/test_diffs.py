"""Diffs as git, other tools and agents write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unidiff.patch import PatchSet

from contexts.extraction import diffs
from contexts.extraction.diffs import FileDiff

HEAD = "diff --git a/{0} b/{0}\nindex 1111111..2222222 100644\n--- a/{0}\n+++ b/{0}\n"
HUNK = "@@ -1,2 +1,3 @@ def f():\n a\n-b\n+c\n+d\n"


def told(file: FileDiff) -> tuple[str, str, int, int, str | None]:
    return file.path, file.status, file.added, file.removed, file.renamed_from


NAMES = [
    ("git", HEAD.format("src/a.py"), "src/a.py"),
    ("spaces", HEAD.format("my file b/x.py").replace("x.py\n", "x.py\t\n"), "my file b/x.py"),
    ("quoted umlaut", 'diff --git "a/na\\303\\257ve.py" "b/na\\303\\257ve.py"\n'
     '--- "a/na\\303\\257ve.py"\n+++ "b/na\\303\\257ve.py"\n', "naïve.py"),
    ("quotes, tab and backslash", 'diff --git "a/\\"a\\tb\\\\c" "b/\\"a\\tb\\\\c"\n', '"a\tb\\c'),
    ("unicode as it is", HEAD.format("日本語.py"), "日本語.py"),
    ("no prefix", "diff --git src/a.py src/a.py\n--- src/a.py\n+++ src/a.py\n", "src/a.py"),
    ("no prefix, a folder a", "diff --git a/a.py a/a.py\n--- a/a.py\n+++ a/a.py\n", "a/a.py"),
    ("mnemonic", "diff --git i/a.py w/a.py\n--- i/a.py\n+++ w/a.py\n", "a.py"),
    ("own prefixes", "diff --git old/x/a.py newer/x/a.py\n", "x/a.py"),
    ("CRLF everywhere", HEAD.format("a.py").replace("\n", "\r\n"), "a.py"),
    ("plain", "--- a/a.py\n+++ b/a.py\n", "a.py"),
    ("plain with times", "--- a.py\t2026-01-01 00:00:00\n+++ a.py\t2026-01-02 00:00:00\n", "a.py"),
    ("backup", "--- a.py.orig\n+++ a.py\n", "a.py"),
    ("two folders", "--- one/a.py\n+++ two/a.py\n", "two/a.py"),
    ("after a message", "commit abc\n\n    --- no\n    diff --git no\n\n" + HEAD.format("a"), "a"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "path"), [row[1:] for row in NAMES], ids=[r[0] for r in NAMES])
def test_a_file_has_its_plain_name(head: str, path: str) -> None:
    assert [told(file) for file in diffs.parse(head + HUNK)] == [(path, "modified", 2, 1, None)]


STATES = [
    ("added", "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..1111111\n--- /dev/null\n"
     "+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n", ("x", "added", 2, 0, None)),
    ("added empty", "diff --git a/x y b/x y\nnew file mode 100644\nindex 0000000..e69de29\n",
     ("x y", "added", 0, 0, None)),
    ("deleted", "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n"
     "@@ -1 +0,0 @@\n-a\n", ("x", "deleted", 0, 1, None)),
    ("renamed", "diff --git a/x y b/z\nsimilarity index 100%\nrename from x y\nrename to z\n",
     ("z", "renamed", 0, 0, "x y")),
    ("renamed and quoted", 'diff --git "a/\\303\\266" b/o\nsimilarity index 90%\n'
     'rename from "\\303\\266"\nrename to o\n--- "a/\\303\\266"\n+++ b/o\n' + HUNK,
     ("o", "renamed", 2, 1, "ö")),
    ("copied", "diff --git a/x b/z\nsimilarity index 90%\ncopy from x\ncopy to z\n"
     "--- a/x\n+++ b/z\n" + HUNK, ("z", "added", 2, 1, None)),
    ("mode", "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
     ("x", "modified", 0, 0, None)),
    ("binary", "diff --git a/x b/x\nindex 1..2 100644\nBinary files a/x and b/x differ\n",
     ("x", "modified", 0, 0, None)),
    ("binary added", "diff --git a/x b/x\nnew file mode 100644\nindex 0..2\n"
     "Binary files /dev/null and b/x differ\n", ("x", "added", 0, 0, None)),
    ("binary patch", "diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 9\n"
     "QcmZ?wb\n\nliteral 0\nHcmV?d0\n\n", ("x", "modified", 0, 0, None)),
    ("plain binary", "Binary files a/x and b/x differ\n", ("x", "modified", 0, 0, None)),
    ("plain added", "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n", ("x", "added", 1, 0, None)),
    ("plain added by difflib", "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+a\n", ("x", "added", 1, 0, None)),
    ("plain deleted", "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", ("x", "deleted", 0, 1, None)),
    ("plain renamed", "--- a/x\n+++ b/y\n" + HUNK, ("y", "renamed", 2, 1, "x")),
    ("emptied", HEAD.format("x") + "@@ -1 +0,0 @@\n-a\n", ("x", "modified", 0, 1, None)),
    ("no newline", HEAD.format("x") + "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n"
     "\\ No newline at end of file\n", ("x", "modified", 1, 1, None)),
    ("CRLF content", HEAD.format("x") + "@@ -1 +1 @@\n-a\r\n+b\r\n", ("x", "modified", 1, 1, None)),
    ("form feeds and such", HEAD.format("x") + "@@ -1 +1 @@\n-a\x0cb\u2028\r c\n+b\x1c\n",
     ("x", "modified", 1, 1, None)),
    ("lines like heads", HEAD.format("x") + "@@ -1,3 +1,3 @@\n--- a/y\n+++ b/y\n-@@ a\n+@@ b\n"
     "--- a/z\n+++ b/z\n", ("x", "modified", 3, 3, None)),
    ("submodule", "diff --git a/s b/s\nindex 1..2 160000\n--- a/s\n+++ b/s\n@@ -1 +1 @@\n"
     "-Subproject commit 1\n+Subproject commit 2\n", ("s", "modified", 1, 1, None)),
    ("submodule log", "Submodule lib/s 1234567..89abcde:\n  > message\n",
     ("lib/s", "modified", 0, 0, None)),
    ("change of type", "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n"
     "@@ -1,2 +0,0 @@\n-a\n-b\ndiff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n"
     "@@ -0,0 +1 @@\n+y\n\\ No newline at end of file\n", ("x", "modified", 1, 2, None)),
    ("combined", "diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,2 -1,2 +1,3 @@@\n  a\n"
     "- b\n -c\n++d\n+ e\n +f\n", ("x", "modified", 2, 1, None)),
    ("series", HEAD.format("x") + HUNK + "-- \n2.39\n\n" + HEAD.format("x") + HUNK,
     ("x", "modified", 4, 2, None)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [r[1:] for r in STATES], ids=[r[0] for r in STATES])
def test_a_file_tells_what_happened_to_it(
    text: str, wanted: tuple[str, str, int, int, str | None]
) -> None:
    assert [told(file) for file in diffs.parse(text)] == [wanted]


MISCOUNTED = [
    ("cut", "@@ -1,9 +1,9 @@\n a\n-b\n+c\n+d\n"),
    ("counted wrongly", "@@ -1,1 +1,1 @@\n a\n-b\n+c\n+d\n e\n"),
    ("no numbers", "@@\n a\n-b\n+c\n+d\n"),
    ("dots for numbers", "@@ ... @@ def f():\n a\n-b\n+c\n+d\n"),
    ("huge numbers", f"@@ -{'9' * 5000} +1 @@\n-b\n+c\n+d\n"),
    ("no hunk at all", "-b\n+c\n+d\n"),
    ("an empty context line without its space", "@@ -1,3 +1,4 @@\n\n-b\n+c\n+d\n a\n"),
]


@pytest.mark.parametrize("body", [row[1] for row in MISCOUNTED], ids=[r[0] for r in MISCOUNTED])
@pytest.mark.parametrize("head", [HEAD.format("x"), "--- a/x\n+++ b/x\n"], ids=["git", "plain"])
def test_a_hunk_that_does_not_add_up_is_read_by_its_markers(head: str, body: str) -> None:
    assert [told(file) for file in diffs.parse(head + body)] == [("x", "modified", 2, 1, None)]


def test_a_miscounted_file_takes_nothing_from_its_neighbours() -> None:
    text = "".join(
        HEAD.format(name) + body
        for name, body in (("a", HUNK), ("b", "@@ -1 +1,7 @@\n-x\n+y\n"), ("c", HUNK))
    )
    assert [told(file)[:4] for file in diffs.parse(text)] == [
        ("a", "modified", 2, 1), ("b", "modified", 1, 1), ("c", "modified", 2, 1),
    ]  # fmt: skip


def test_hunks_keep_their_place_section_and_lines() -> None:
    (file,) = diffs.parse(HEAD.format("a.py") + "@@ -3 +4,2 @@ class A:\r\n a\n+b\r\n")
    (hunk,) = file.hunks
    assert (hunk.old_start, hunk.new_start, hunk.section) == (3, 4, "class A:")
    assert hunk.lines == [" a", "+b\r"]
    assert (hunk.side("-"), hunk.side("+")) == (["a"], ["a", "b\r"])


@pytest.mark.parametrize(
    "text", ["", "\n", "no diff", "+a\n-b\n", "--- a\n", "+++ b\n", "\\", "\0"]
)
def test_what_is_no_diff_has_no_files(text: str) -> None:
    assert diffs.parse(text) == []


lines = st.sampled_from(
    ["diff --git a/x b/x", 'diff --git "a/\\777" b/', "diff --cc y", "--- a/x", "+++ b/x", "---",
     "--- /dev/null", "+++ /dev/null", "@@ -1 +1 @@", "@@@ -1 -1 +1 @@@", "@@", "+a", "-b", " c",
     "", "\\ No newline", "rename from q", "rename to \"", "Binary files a and b differ",
     "GIT binary patch", "new file mode 100644", "Submodule a 1234567..1234567:", "text"]
) | st.text(max_size=12)  # fmt: skip


@given(st.lists(lines, max_size=30).map("\n".join))
def test_anything_may_stand_in_a_diff(text: str) -> None:
    files = diffs.parse(text)
    assert len({file.path for file in files}) == len(files)
    kept = sum(file.added + file.removed for file in files)
    assert kept <= sum(line[:1] in ("+", "-", " ") for line in text.split("\n"))


changes = st.lists(st.sampled_from([" a", "+b", "-c", "+", "- -- x", "+++ y", "--- z"]), min_size=1)


@given(st.lists(st.tuples(st.sampled_from(["a.py", "b/c.txt"]), changes), max_size=4))
def test_counts_are_those_of_unidiff_where_all_is_well(files: list[tuple[str, list[str]]]) -> None:
    text = ""
    for number, (name, body) in enumerate(files):
        old, new = (sum(line[0] in sides for line in body) for sides in (" -", " +"))
        head = HEAD.format(f"{number}{name}")
        text += f"{head}@@ -1,{old} +1,{new} @@\n" + "".join(line + "\n" for line in body)
    wanted = [(file.path, file.added, file.removed) for file in PatchSet(text)]
    assert [(file.path, file.added, file.removed) for file in diffs.parse(text)] == wanted
