"""Whether what a pattern found is a secret, or only looks like one."""

import re

from contexts.redaction.options import OPENS
from contexts.redaction.patterns import (
    HARMLESS_TOKEN,
    HOLDER,
    KINDS,
    LITERAL,
    LONGEST_COUNT,
    MARKER,
    NAME_AT_END,
    NO_DIGITS,
    NUMBER,
    OPERATOR,
    PATH,
    PATH_BEFORE,
    PLACEHOLDER,
    PROSE,
    REFERENCE,
    SCHEME,
    SPACE,
    WORD,
)

# The KIND and the group that holds the secret; None when the match is harmless.
Verdict = tuple[str, str] | None


def authorization(match: re.Match[str]) -> Verdict:
    """What a match of AUTHORIZATION holds."""
    if match["long"]:
        return "authorization", "long"
    value = match["bare"].rstrip(".")
    named = re.fullmatch(r"[a-z_-]{0,20}(?:key|token|jwt|credential)s?", value, re.IGNORECASE)
    prose = value.islower() and value.isalpha() and PROSE.match(match.string, match.end())
    return None if named or prose or _is_placeholder(value) else ("authorization", "bare")


def url_password(match: re.Match[str]) -> Verdict:
    """What a match of URL holds."""
    value = match["bare"]
    harmless = PLACEHOLDER.fullmatch(value) or MARKER.fullmatch(value)
    return None if harmless else ("password", "bare")


def labelled(match: re.Match[str]) -> Verdict:
    """What a match of LABELLED or FLAG holds."""
    kind = next(name for name in KINDS if match[name])
    before = match.string[max(0, match.start(kind) - 24) : match.start(kind)]
    if kind == "token" and HARMLESS_TOKEN.search(before):
        return None
    if match["quote"]:
        value = match["quoted"]
        harmless = not value.strip() or is_harmless(kind, match[kind], value)
        # What a parser calls a token: `token == "not"`, `token = "&"`, `token = "not in"`.
        if kind == "token" and not harmless:
            compared = "==" in match["by"] and value.isalpha()
            harmless = bool(compared or SPACE.search(value) or not WORD.search(value))
        return None if harmless else (kind, "quoted")
    return None if _harmless_bare(match, kind, before) else (kind, "bare")


def named_value(match: re.Match[str]) -> Verdict:
    """What a match of NAMED_VALUE holds."""
    kind = next(name for name in KINDS if match[name])
    if match["bare"].startswith(OPENS):
        return None
    # What a grammar or a manual calls a token: `<token>identifier</token>`.
    element = kind == "token" and match.string.startswith("</", match.end())
    if element and not re.search(r"\d", match["bare"]):
        return None
    if kind == "token" and HARMLESS_TOKEN.search(match.string[: match.start(kind)][-24:]):
        return None
    return None if is_harmless(kind, match[kind], match["bare"]) else (kind, "bare")


def _is_placeholder(value: str) -> bool:
    # An unquoted value may end inside the brackets: `${{ secrets.KEY }}`.
    return value.startswith(("${", "{", "<", "[")) or PLACEHOLDER.fullmatch(value) is not None


def is_harmless(kind: str, name: str, value: str) -> bool:
    """Whether a value under a secret's name stands for one without being one."""
    if kind == "authorization":
        value = SCHEME.sub("", value)
    # A key is often named by its file; PWD is the working directory.
    by_path = kind in ("private_key", "credentials") or name.lower().endswith("pwd")
    if by_path and PATH.fullmatch(value):
        return True
    # `fetch(url, {credentials: "include"})`
    if kind == "credentials" and not any(map(str.isdigit, value)):
        return True
    return bool(PLACEHOLDER.fullmatch(value) or MARKER.fullmatch(value))


def _harmless_bare(match: re.Match[str], kind: str, before: str) -> bool:
    """Whether an unquoted value is code, a type or prose, not a secret."""
    value, by, label = match["bare"].rstrip("."), match["by"], match[kind].lower()
    after = match.string[match.end() : match.end() + 16]
    if not value or "==" in by or LITERAL.fullmatch(value) or _is_placeholder(value):
        return True
    if is_harmless(kind, label, value) or (value in ("$", "%") and after[:1] in ("{", "(")):
        return True
    if after[:1] in ("(", "[") and not after.startswith("[redacted:"):
        return re.fullmatch(r"[A-Za-z_][\w.:]*", value) is not None
    # What a shell says when there is none: `${PASSWORD:?required}`.
    if by == ":" and value[0] == "?" and re.search(r"\$\{\w*\Z", before):
        return True
    if REFERENCE.fullmatch(value) and (HOLDER.match(value) or NAME_AT_END.search(value)):
        return True
    if value.lower() == label or (value.isidentifier() and value.lower().endswith("_" + label)):
        return True
    # A variable that says more of it: `password=password_hash`.
    if value.lower().startswith(label + "_") and NO_DIGITS.fullmatch(value):
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
    if NUMBER.fullmatch(value):
        return len(value) <= LONGEST_COUNT
    return len(value) < 20 and NO_DIGITS.fullmatch(value) is not None
