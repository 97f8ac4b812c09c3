"""The names of files as diffs write them: quoted, with prefixes, with times behind them."""

import re

NOTHING = "/dev/null"
# git's own, those of `diff.mnemonicPrefix`, and those of `git diff --no-index`.
_PREFIX = re.compile(r"[abciow12]/")
_ESCAPED = re.compile(r"\\([0-7]{1,3}|.)")
_LETTERS = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


def unquoted(name: str) -> str:
    """A name without git's quotes and escapes (octal ones are bytes of UTF-8)."""
    if len(name) < 2 or name[0] != '"' or name[-1] != '"':
        return name
    found = bytearray()
    rest = 0
    for match in _ESCAPED.finditer(name, 1, len(name) - 1):
        found += name[max(rest, 1) : match.start()].encode(errors="replace")
        escape = match[1]
        if escape[0] in "01234567":
            found.append(int(escape, 8) & 0xFF)
        else:
            found += bytes([_LETTERS[escape]]) if escape in _LETTERS else escape.encode()
        rest = match.end()
    found += name[max(rest, 1) : -1].encode(errors="replace")
    return found.decode(errors="replace").replace("\0", "\ufffd")


def of_git_line(text: str) -> str:
    """The name both sides share in `a/NAME b/NAME`, with any prefixes or none; "" for two names."""
    if '"' in text:
        left, right = _quoted_pair(text)
        return right if left == right else _shared(left, right)
    middle = len(text) // 2
    if text[middle : middle + 1] == " " and text[:middle] == text[middle + 1 :]:
        return text[:middle]
    # Names may hold spaces, so every one may be the border; the likely one first.
    borders = [middle, *(match.start() for match in re.finditer(" ", text))]
    for border in borders:
        if text[border : border + 1] == " " and (
            name := _shared(text[:border], text[border + 1 :])
        ):
            return name
    return ""


def _quoted_pair(text: str) -> tuple[str, str]:
    if text.startswith('"'):
        end = re.match(r'"(?:[^"\\]|\\.)*"', text)
        border = end.end() if end else len(text)
    else:
        border = text.find(' "')
    return unquoted(text[:border]), unquoted(text[border + 1 :])


def _shared(left: str, right: str) -> str:
    """What follows the first component, when it is the same."""
    name = right.partition("/")[2]
    return name if name and left.partition("/")[2] == name else ""


def of_sides(old: str, new: str) -> tuple[str, str]:
    """The names in a `---` and a `+++` line; "" for a side that does not exist."""
    before, after = _plain(old), _plain(new)
    if prefixed(old, new):
        before, after = _PREFIX.sub("", before, count=1), _PREFIX.sub("", after, count=1)
    return ("" if before == NOTHING else before), ("" if after == NOTHING else after)


def prefixed(old: str, new: str) -> bool:
    """Whether both sides (or the one that exists) begin with a prefix, and not with the same."""
    names = [name for name in (_plain(old), _plain(new)) if name != NOTHING]
    return all(map(_PREFIX.match, names)) and len({name[:1] for name in names}) == len(names)


def _plain(name: str) -> str:
    name = name.rstrip("\r")
    if not name.startswith('"'):
        name = name.partition("\t")[0]
    return unquoted(name.rstrip("\t"))
