"""Secrets out of any JSON value before it is stored or sent on (contract §5).

A secret is known by its own shape (the vendors' documented prefixes, PEM, JWT, a password in a
URL), by the name in front of it (`password=…`, a dict key), or by its place in a command, a header
or a statement (`curl -u a:b`, `Cookie: …`).

A table of our own, not detect-secrets, by measurement: 990 secrets of 100 kinds in the lines where
they turn up, 740 harmless look-alikes of 33 kinds (hashes, digests, UUIDs, lock files, code):

    ==================================  ==============  ===============  ========
    tool                                secrets found   harmless marked  CPU time
    ==================================  ==============  ===============  ========
    detect-secrets 1.5.0                467 (47 %)      108              3.3 s
    detect-secrets without entropy      291 (29 %)      9                2.9 s
    this table                          979 (99 %)      0                0.07 s
    ==================================  ==============  ===============  ========

detect-secrets marks lock files by their entropy, works on files line by line, and says which
line is suspicious, not where in it the secret ends. The table was made knowing the samples' kinds,
so its 99 % are a best case; in 37 MiB of other people's source code (a million lines) it marked
80 lines, more than half of them made-up credentials in tests and manuals.
"""

import operator
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from contexts.redaction.blocks import Stretch, lines_with, without_keys
from contexts.redaction.options import NAMED_VALUES, PLACES
from contexts.redaction.patterns import (
    AUTHORIZATION,
    AUTHORIZED,
    FLAG,
    HARMLESS_TOKEN,
    LABELLED,
    LABELS,
    MARKER,
    NAME_AT_END,
    REST,
    SHAPES,
    URL,
)
from contexts.redaction.verdicts import (
    Verdict,
    authorization,
    is_harmless,
    labelled,
    named_value,
    url_password,
)

# For short texts one search is quicker than asking for each needle.
HINT = re.compile(
    "|".join(
        re.escape(needle)
        for needle in dict.fromkeys(
            (
                *(needle for _, needles, _ in SHAPES for needle in needles),
                *(needle for place in PLACES for needle in place.needles),
                *LABELS,
                *(*AUTHORIZED, "://"),
            )
        )
    )
)
# Where an object under a secret's name keeps the secret itself.
_VALUES = frozenset(("value", "plaintext", "plain_text"))
_SHORTEST_NUMBER = 1_000
_VALUE_GROUPS = ("bare", "quoted", "long")
_COOKIE_NAME = re.compile(r"(?:.*[_-])?(?:set-)?cookies?", re.IGNORECASE)


def redact(value: Any) -> Any:
    """`value` (JSON) with every secret in its texts replaced by `[redacted:KIND]`.

    A dict key that holds one is replaced too. Inputs are never altered; without a secret the
    very same object comes back. Redacting twice changes nothing more.
    """
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, dict):
        entries: dict[str, Any] = {}
        for key, item in value.items():
            name = _redact_key(str(key))
            while name in entries:
                name += "_"  # Two secrets of one kind are still two entries.
            entries[name] = _redact_entry(_label(value, key), item)
        kept = map(operator.is_, entries.values(), value.values())
        return value if entries.keys() == value.keys() and all(kept) else entries
    if isinstance(value, list):
        value = without_keys(value, _redact_text)
        items = [redact(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    return value


def redact_apart(value: Any) -> Any:
    """Like `redact`, but each text by itself: for complaints, which stand under a field's name.

    What is said of a field `password` is no password.
    """
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, dict):
        return {redact_apart(name): redact_apart(item) for name, item in value.items()}
    if isinstance(value, list):
        return [redact_apart(item) for item in value]
    return value


def _label(entries: dict[str, Any], key: Any) -> Any:
    """What names an entry: its key, or `name` beside a `value` (`{"name": "DB_PASSWORD", …}`).

    Beside a user `pass` is a password.
    """
    if key in _VALUES:
        name = entries.get("name", entries.get("key"))
        if isinstance(name, str) and _kind_of(name[-64:]):
            return name
    if key == "pass" and ("user" in entries or "username" in entries):
        return "password"
    return key


def _redact_entry(key: Any, value: Any) -> Any:
    if isinstance(value, list):
        value = without_keys(value, _redact_text)
        items = [_redact_entry(key, item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    kind = _kind_of(str(key)[-64:])
    if isinstance(value, dict) and kind is not None and not _VALUES.isdisjoint(value):
        # What describes the secret stays: `{"password": {"type": "string", "value": …}}`.
        inner = {
            name: _redact_entry(key, item) if name in _VALUES else item
            for name, item in value.items()
        }
        return redact(value if all(map(operator.is_, inner.values(), value.values())) else inner)
    if kind == "password" and _is_number(value):
        return "[redacted:password]"
    redacted = redact(value)
    if not isinstance(value, str) or not value.strip():
        return redacted
    if kind is None and _COOKIE_NAME.fullmatch(str(key)[-16:]) and "=" in redacted:
        return redacted if MARKER.fullmatch(redacted.partition("=")[2]) else "[redacted:cookie]"
    if kind is None or MARKER.fullmatch(redacted) or is_harmless(kind, str(key), redacted):
        return redacted
    return f"[redacted:{kind}]"


def _is_number(value: Any) -> bool:
    """Whether a number is long enough for a password or PIN."""
    return isinstance(value, int | float) and abs(value) >= _SHORTEST_NUMBER


@lru_cache(maxsize=4096)
def _kind_of(name: str) -> str | None:
    """The KIND that a dict key's name gives its value; None for a harmless name."""
    if name.lower().endswith("authorization"):
        return "authorization"
    match = NAME_AT_END.search(name)
    if match is None or (match["token"] and HARMLESS_TOKEN.search(name[: match.start()])):
        return None
    return match.lastgroup


@lru_cache(maxsize=4096)
def _redact_key(name: str) -> str:
    return _redact_text(name)


def _redact_text(text: str) -> str:
    # A replacement may uncover another secret beside it: go on until nothing changes.
    for _ in range(4):
        redacted = _redact_once(text)
        if redacted == text:
            break
        text = redacted
    return text


def _redact_once(text: str) -> str:
    lowered = text.lower()
    if len(text) < 100 and not HINT.search(lowered):
        return text
    for kind, needles, pattern in SHAPES:
        if any(needle in lowered for needle in needles):
            text = pattern.sub(f"[redacted:{kind}]", text)
    if any(word in lowered for word in AUTHORIZED):
        text = _replace(AUTHORIZATION, text, authorization, lines_with(text, AUTHORIZED))
    if "://" in text:
        text = _replace(URL, text, url_password)
    if any(word in lowered for word in LABELS):
        text = _replace(LABELLED, text, labelled, lines_with(text, LABELS))
        if "--" in text:
            text = _replace(FLAG, text, labelled, lines_with(text, LABELS))
        for words, pattern in NAMED_VALUES:
            if any(word in lowered for word in words):
                text = _replace(pattern, text, named_value)
    for place in PLACES:
        if any(needle in lowered for needle in place.needles):
            text = _replace(place.pattern, text, place.verdict)
    return text


_Judge = Callable[[re.Match[str]], Verdict]


def _replace(
    pattern: re.Pattern[str], text: str, judge: _Judge, within: Sequence[Stretch] = ()
) -> str:
    parts: list[str] = []
    done = position = 0
    for start, end in within or ((0, len(text)),):
        position = max(position, start)
        while match := pattern.search(text, position, end):
            verdict = judge(match)
            if verdict is None:
                # Another label may stand inside what looked like this one's value.
                values = (group for group in _VALUE_GROUPS if group in match.re.groupindex)
                position = max(match.start() + 1, *map(match.start, values))
                continue
            kind, group = verdict
            parts += (text[done : match.start(group)], f"[redacted:{kind}]")
            rest = REST.match(text, match.end(group)) if pattern in (LABELLED, FLAG) else None
            done = position = rest.end() if rest and group == "bare" else match.end(group)
    return "".join((*parts, text[done:])) if parts else text
