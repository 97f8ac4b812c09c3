"""Secrets out of any JSON value before it is stored or sent on (contract §5).

A secret is known by its own shape (the vendors' documented prefixes, PEM, JWT, a password in a
URL) or by the name in front of it (`password=…`, a dict key).
"""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from contexts.redaction.patterns import (
    AUTHORIZATION,
    FLAG,
    HARMLESS_TOKEN,
    HINT,
    HOLDER,
    KINDS,
    LABELLED,
    LABELS,
    LITERAL,
    MARKER,
    NAME_AT_END,
    NO_DIGITS_OR_NUMBER,
    NUMBER,
    OPERATOR,
    PATH,
    PATH_BEFORE,
    PLACEHOLDER,
    PROSE,
    REFERENCE,
    REST,
    SCHEME,
    SHAPES,
    URL,
)


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
            entries[name] = _redact_entry(key, item)
        kept = map(operator.is_, entries.values(), value.values())
        return value if entries.keys() == value.keys() and all(kept) else entries
    if isinstance(value, list):
        items = [redact(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    return value


def _redact_entry(key: Any, value: Any) -> Any:
    if isinstance(value, list):
        items = [_redact_entry(key, item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    redacted = redact(value)
    if not isinstance(value, str) or not value.strip():
        return redacted
    kind = _kind_of(str(key)[-64:])
    if kind is None or MARKER.fullmatch(redacted) or _harmless(kind, str(key), redacted):
        return redacted
    return f"[redacted:{kind}]"


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
    if "bearer" in lowered or "authorization" in lowered:
        text = _replace(AUTHORIZATION, text, _authorization)
    if "://" in text:
        text = _replace(URL, text, _url_password)
    if any(word in lowered for word in LABELS):
        text = _replace(LABELLED, text, _labelled)
        if "--" in text:
            text = _replace(FLAG, text, _labelled)
    return text


# The KIND and the group that holds the secret; None when the match is harmless.
_Verdict = tuple[str, str] | None
_Judge = Callable[[re.Match[str]], _Verdict]


def _replace(pattern: re.Pattern[str], text: str, judge: _Judge) -> str:
    parts: list[str] = []
    done = position = 0
    while match := pattern.search(text, position):
        verdict = judge(match)
        if verdict is None:
            # Another label may stand inside what looked like this one's value.
            values = (group for group in ("bare", "quoted", "long") if group in match.re.groupindex)
            position = max(match.start() + 1, *map(match.start, values))
            continue
        kind, group = verdict
        parts += (text[done : match.start(group)], f"[redacted:{kind}]")
        rest = REST.match(text, match.end(group)) if pattern in (LABELLED, FLAG) else None
        done = position = rest.end() if rest and group == "bare" else match.end(group)
    return "".join((*parts, text[done:])) if parts else text


def _authorization(match: re.Match[str]) -> _Verdict:
    if match["long"]:
        return "authorization", "long"
    value = match["bare"].rstrip(".")
    named = re.fullmatch(r"[a-z_-]{0,20}(?:key|token|jwt|credential)s?", value, re.IGNORECASE)
    prose = value.islower() and value.isalpha() and PROSE.match(match.string, match.end())
    return None if named or prose or _is_placeholder(value) else ("authorization", "bare")


def _url_password(match: re.Match[str]) -> _Verdict:
    value = match["bare"]
    harmless = PLACEHOLDER.fullmatch(value) or MARKER.fullmatch(value)
    return None if harmless else ("password", "bare")


def _labelled(match: re.Match[str]) -> _Verdict:
    kind = next(name for name in KINDS if match[name])
    before = match.string[max(0, match.start(kind) - 24) : match.start(kind)]
    if kind == "token" and HARMLESS_TOKEN.search(before):
        return None
    if match["quote"]:
        value = match["quoted"]
        harmless = not value.strip() or _harmless(kind, match[kind], value)
        return None if harmless else (kind, "quoted")
    return None if _harmless_bare(match, kind, before) else (kind, "bare")


def _is_placeholder(value: str) -> bool:
    # An unquoted value may end inside the brackets: `${{ secrets.KEY }}`.
    return value.startswith(("${", "{", "<", "[")) or PLACEHOLDER.fullmatch(value) is not None


def _harmless(kind: str, name: str, value: str) -> bool:
    """Whether a value under a secret's name stands for one without being one."""
    if kind == "authorization":
        value = SCHEME.sub("", value)
    # A key is often named by its file; PWD is the working directory.
    if (kind == "private_key" or name.lower().endswith("pwd")) and PATH.fullmatch(value):
        return True
    return bool(PLACEHOLDER.fullmatch(value) or MARKER.fullmatch(value))


def _harmless_bare(match: re.Match[str], kind: str, before: str) -> bool:
    """Whether an unquoted value is code, a type or prose, not a secret."""
    value, by, label = match["bare"].rstrip("."), match["by"], match[kind].lower()
    after = match.string[match.end() : match.end() + 16]
    if not value or "==" in by or LITERAL.fullmatch(value) or _is_placeholder(value):
        return True
    if _harmless(kind, label, value) or (value in ("$", "%") and after[:1] in ("{", "(")):
        return True
    if after[:1] in ("(", "[") and not after.startswith("[redacted:"):
        return re.fullmatch(r"[A-Za-z_][\w.]*", value) is not None
    if REFERENCE.fullmatch(value) and (HOLDER.match(value) or NAME_AT_END.search(value)):
        return True
    if value.lower() == label or (value.isidentifier() and value.lower().endswith("_" + label)):
        return True
    # An identifier in an expression, or where data would have quotes: `{"token": given}`.
    expression = match["closed"] or (by.endswith("= ") and OPERATOR.match(after))
    if expression and value.isidentifier() and not re.search(r"\d", value):
        return True
    plain = value.isalpha() and value.isascii()
    if by.strip() == ":" and (PATH_BEFORE.search(before) or (plain and PROSE.match(after))):
        return True
    if kind == "password" or (by == "=" and not NUMBER.fullmatch(value)):
        return False
    return len(value) < 20 and NO_DIGITS_OR_NUMBER.fullmatch(value) is not None
