"""What a diff tells against what git itself counts."""

import random
import subprocess
from pathlib import Path

from contexts.extraction.edits import file_edit


def test_300_commits_have_the_files_and_lines_of_numstat(tmp_path: Path) -> None:
    repository = _Repository(tmp_path)
    repository.grow(random.Random(5), 300)
    log = repository.git("log", "-M", "--numstat", "-z", "--format=%x01%H", "--reverse", "main")
    texts = repository.git("log", "-M", "-p", "--format=%x01%H", "--reverse", "main").split(
        b"\x01"
    )[1:]
    wanted = [_numstat(part.partition(b"\0")[2]) for part in log.split(b"\x01")[1:]]
    assert (len(wanted), len(texts)) == (300, 300)
    seen = set()
    for rows, text in zip(wanted, texts, strict=True):
        changes = file_edit({"changes": text.decode()})["changes"]
        told = {
            (each["path"], each["renamed_from"], each["added"], each["removed"]) for each in changes
        }
        assert told == rows
        seen |= {each["status"] for each in changes}
    assert seen == {"added", "modified", "deleted", "renamed"}


def _numstat(text: bytes) -> set[tuple[str, str | None, int, int]]:
    rows = set()
    parts = iter(text.lstrip(b"\n").split(b"\0"))
    for part in parts:
        if part.strip():
            added, removed, path = part.split(b"\t", 2)
            before = None if path else next(parts).decode()
            name = path.decode() or next(parts).decode()
            rows.add((name, before, int(added.strip(b"-") or 0), int(removed.strip(b"-") or 0)))
    return rows


class _Repository:
    """A repository in which everything happens that happens to files."""

    NAMES = (
        "a.py",
        "two words.py",
        "tab\there.txt",
        "naïve.md",
        'quo"te.js',
        "b/c d.go",
        "-x",
        "日",
    )

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, tuple[str, bytes]] = {}
        self.git("init", "-q")

    def git(self, *arguments: str, given: bytes | None = None) -> bytes:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, capture_output=True, check=True, input=given
        )
        return done.stdout

    def grow(self, chance: random.Random, commits: int) -> None:
        stream = b""
        for number in range(commits):
            before = dict(self.files)
            while self.files == before:
                self._change(chance, number)
            message = b"--- a/x\n\n+++ b/x\n"
            stream += b"commit refs/heads/main\ncommitter A <a@example.org> %d +0000\n" % number
            stream += b"data %d\n%s\ndeleteall\n" % (len(message), message)
            for name, (mode, content) in self.files.items():
                quoted = "".join(f"\\{byte:03o}" for byte in name.encode())
                if mode == "160000":
                    stream += f'M {mode} {content.decode()} "{quoted}"\n'.encode()
                else:
                    stream += f'M {mode} inline "{quoted}"\ndata {len(content)}\n'.encode()
                    stream += content + b"\n"
        self.git("fast-import", "--quiet", given=stream)

    def _change(self, chance: random.Random, number: int) -> None:
        kind = chance.randrange(10) if len(self.files) > 5 else 9
        name = chance.choice(sorted(self.files)) if self.files else ""
        if kind == 9:
            self.files[f"{number}/{chance.choice(self.NAMES)}"] = self._new(chance)
            return
        mode, content = self.files[name]
        if kind == 0:
            del self.files[name]
        elif kind <= 2:
            del self.files[name]
            self.files[f"moved {number}/{name.rpartition('/')[2]}"] = (mode, content)
        elif kind == 3:
            self.files[name] = self._new(chance)
        elif kind == 4 and mode.startswith("100"):
            self.files[name] = ("100755" if mode == "100644" else "100644", content)
        elif mode.startswith("100"):
            lines = content.split(b"\n")
            at = chance.randrange(len(lines))
            lines[at : at + chance.randint(0, 4)] = [self._lines(chance, 2)]
            self.files[name] = (mode, b"\n".join(lines))

    def _new(self, chance: random.Random) -> tuple[str, bytes]:
        """Text mostly, with or without a newline at its end; binaries, links, submodules."""
        kind = chance.randrange(8)
        if kind == 0:
            return "100644", chance.randbytes(300) + b"\0"
        if kind == 1:
            return "120000", b"nowhere"
        if kind == 2:
            return "160000", chance.randbytes(20).hex().encode()
        text = self._lines(chance, chance.randint(0, 30))
        return "100644", text.rstrip(b"\n" if kind == 3 else b"")

    def _lines(self, chance: random.Random, count: int) -> bytes:
        words = ("-- a", "++ b", "@@ -1 +1 @@", "x = 1", "", "\tdef f():", "diff --git a/x b/x")
        rows = (
            f"{chance.choice(words)} {chance.randint(0, 99)}" + chance.choice(("\n", "\n", "\r\n"))
            for _ in range(count)
        )
        return "".join(rows).encode()
