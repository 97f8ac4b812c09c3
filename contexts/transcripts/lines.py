"""Transcript files line by line, whatever they hold: never an error, only lines left unread."""

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from contexts.documents import MAX_INTEGER, SUSPECT, depth

Line = dict[str, Any]
LONGEST_LINE = 64 * 2**20
# What is shown of a call is cut to size by code that recurses.
MAX_LINE_DEPTH = 200
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def find_files(path: Path) -> list[Path]:
    """`path` itself, or all `*.jsonl` below a folder, in a fixed order."""
    if not path.is_dir():
        return [path]
    return sorted(each for each in path.rglob("*.jsonl") if each.is_file())


def read(file: BinaryIO, progress: Callable[[int], Any]) -> Iterator[tuple[int, Line | None]]:
    """Number and object of every line that is not blank; None for one that cannot be read.

    NUL, lone surrogates and what is no UTF-8 become U+FFFD, numbers beyond what JSON databases
    hold become texts. `progress` hears how many bytes were read.
    """
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        progress(len(raw))
        if len(raw) > LONGEST_LINE:
            while not raw.endswith(b"\n") and (raw := file.readline(LONGEST_LINE)):
                progress(len(raw))
            yield number, None
        elif raw.strip():
            yield number, parse(raw)


def parse(raw: bytes) -> Line | None:
    """The object in one line; None when there is none."""
    text = raw.decode("utf-8-sig", errors="replace")
    try:
        value = value_of(text, strict=False, constant=str)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def value_of(text: str, *, strict: bool, constant: Callable[[str], Any]) -> Any:
    """The JSON value of a text, as it can be stored; `constant` is asked for NaN and the like.

    Raises `ValueError`, and `RecursionError` when it is nested too deeply to look into.
    """
    value = json.loads(
        text, strict=strict, parse_int=_whole, parse_float=_real, parse_constant=constant
    )
    if depth(value) > MAX_LINE_DEPTH:
        raise RecursionError
    return _storable(value) if "\0" in text or SUSPECT.search(text) else value


def _whole(text: str) -> int | str:
    return int(text) if len(text) < 18 and abs(int(text)) <= MAX_INTEGER else text


def _real(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def time_of(line: Line) -> datetime | None:
    """The line's timestamp, if it has one that makes sense."""
    stamp = line.get("timestamp")
    if not isinstance(stamp, str):
        return None
    try:
        at = datetime.fromisoformat(stamp)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def text_of(line: Line, name: str) -> str:
    """A member that should be a text; "" when it is none."""
    value = line.get(name)
    return value if isinstance(value, str) else ""


def blocks_of(line: Line) -> list[Line]:
    """The content blocks of the line's message; a plain text is one."""
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return (
        [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    )
