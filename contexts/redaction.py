"""Secrets out of any JSON value before it is stored or sent on (contract §5).

A secret is known by its own shape (the vendors' documented prefixes, PEM, JWT, a password in a
URL) or by the name in front of it (`password=…`, a dict key). Every pattern begins at a fixed
word and has no nested repetition, so that time grows with the length of the text alone.
"""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

# Names that make what follows a secret; the group is the KIND. They must end the label:
# `password_field` and `token_count` are none.
_NAMES = r"""
    (?P<password> passw(?:or)?d | passphrase | passcode | pwd
      | (?:db|smtp|mysql|postgres|pg|redis|mongo|mail|ldap|ftp|ssh|admin|root|user|sudo)[_-]?pass )
  | (?P<aws_secret_key> secret[ _.-]?access[ _.-]?key )
  | (?P<secret_key> secret[ _.-]?key )
  | (?P<secret> secret )
  | (?P<private_key> (?:private|ssh)[ _.-]?key )
  | (?P<api_key> (?:api|access|auth|account|signing|encryption|master)[ _.-]?key )
  | (?P<token> token )
"""
_NAME_AT_END = re.compile(rf"(?:{_NAMES})\Z", re.IGNORECASE | re.VERBOSE)
_KINDS = tuple(_NAME_AT_END.groupindex)
# Tokens that are words of a model or places in a list, not credentials.
_HARMLESS_TOKEN = re.compile(
    r"(?:max|min|num|per|pad|eos|bos|unk|mask|sep|cls|stop|start|end|special|next|page|first|last"
    r"|continuation|sync|cursor|cancellation)[ _-]?\Z",
    re.IGNORECASE,
)
_MARKER = re.compile(r"(?:(?:bearer|basic|token)\s+)?\[redacted:\w+\]", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"""
    \$\{\{?[^{}]*\}?\} | \$\([^()]*\) | \$[A-Z_][A-Z0-9_]* | \$[a-z_]+ | [#]?\{\{?[^{}]*\}?\}
  | %\w+% | %[sdr] | %\(\w+\)s | <[^<>]*> | \[[^\[\]]*\] | [*.?_\u2022\u2026-]+ | (?i:x{3,})
  | (?i:your)[_-][\w-]* | [A-Za-z_][\w.]*(?:\([^()]*\)|\[[^\[\]]*\])
    """,
    re.VERBOSE,
)
_LITERAL = re.compile(
    r"none|null|nil|undefined|true|false|yes|no|on|off|str|string|bytes|int|integer|number|bool"
    r"|boolean|float|any|object|optional|required|hidden|secretstr|await|new|not|lambda|self|this",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_HOLDER = re.compile(
    r"(?:self|this|settings|config|cfg|env|os|process|args|opt(?:ion)?s|req(?:uest)?|secrets)\."
)
_PATH = re.compile(r"(?:~|\.{1,2})?/\S*|[A-Za-z]:\\\S*")

# An end line, or cut off before it: then as far as the lines look like base64.
_PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:"
    r"[^-]*+(?:-(?!----)[^-]*+)*+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]{16,}+)++(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]*+\Z)?)"
)
# Nor a hyphen before a JWT: each run of its characters is read once.
_JWT = r"(?:(?<![\w-])|(?<=\\[nrt]))eyJ[\w-]{5,}+\.eyJ[\w-]{3,}+\.[\w-]*+"
# No letter or digit before it, but the `n` of an escaped line feed may be one.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
# KIND, lower-case needles of which one must be there (most texts have none), shape.
_SHAPES = [
    (kind, needles.split(), re.compile(pattern, re.ASCII))
    for kind, needles, pattern in (
        ("private_key", "private", _PEM),
        ("anthropic_key", "sk-ant-", _START + r"sk-ant-[\w-]{10,}"),
        (
            "openai_key",
            "sk-",
            _START + r"sk-(?:(?:proj|svcacct|admin|None|or)-[\w-]{16,}|[^\W_]{20,})",
        ),
        ("aws_access_key", "akia asia", _START + r"A[KS]IA[A-Z0-9]{16,}"),
        ("github_token", "github_pat_", _START + r"github_pat_\w{20,}"),
        ("github_token", "ghs_", _START + r"ghs_\d{1,20}_eyJ[\w.-]{20,}"),
        ("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", _START + r"gh[pousr]_[^\W_]{20,}"),
        (
            "gitlab_token",
            "glpat- gldt- glrt- glptt-",
            _START + r"gl(?:pat|dt|rt|ptt)-[\w-]{16,}(?:\.\w+)*",
        ),
        ("slack_token", "xox xapp-", _START + r"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}"),
        ("stripe_key", "k_live_ k_test_", _START + r"[sr]k_(?:live|test)_[^\W_]{10,}"),
        ("stripe_key", "whsec_", _START + r"whsec_[A-Za-z0-9+/=]{20,}"),
        ("google_api_key", "aiza", _START + r"AIza[\w-]{30,}"),
        ("google_token", "gocspx- ya29.", _START + r"(?:GOCSPX-|ya29\.)[\w-]{20,}"),
        ("npm_token", "npm_", _START + r"npm_[^\W_]{30,}"),
        ("pypi_token", "pypi-", _START + r"pypi-(?:AgE[\w-]{10,}|\w{40,})"),
        ("huggingface_token", "hf_", _START + r"hf_[^\W_]{30,}"),
        ("agent_key", "ctx_", _START + r"ctx_[\w-]{40,}"),
        ("jwt", "eyj", _JWT),
    )
]

_LABELS = ("pass", "pwd", "secret", "key", "token")
# For short texts one search is quicker than asking for each needle.
_HINT = re.compile(
    "|".join((*(needle for _, needles, _ in _SHAPES for needle in needles), *_LABELS))
    + "|bearer|authorization|://"
)

_BARE = r"""(?:[^\s"'`,;&|<>(){}\[\]\\]|\\(?![nrt"'\\]))"""
_OPEN = r"""[bBrRuUfF]{0,2}(?P<quote>\"{3}|'{3}|\\{1,7}["']|["'`])"""
_QUOTED = r"""(?P<quoted>(?:(?!(?P=quote)|\n)(?:\\[^\n]|[^\\\n]))*+)(?=(?P=quote)|\Z)"""
_LABELLED = re.compile(
    rf"""(?:{_NAMES})(?P<closed>\\*["'`]\]?)?
    (?P<by>[ \t]{{0,16}}:[ \t]{{0,4}}[A-Za-z_][\w.]{{0,40}}(?:\[[^\]\n]{{0,40}}\])?
         (?:[ ]?\|[ ]?None)?(?:[ \t]{{1,4}}=(?!=)[ \t]{{0,16}}|=(?=["']))
       |[ \t]{{0,16}}(?::=|=>|={{1,3}}|:(?!:|//))[ \t]{{0,16}})
    (?:{_OPEN}{_QUOTED}|(?P<bare>(?![=:]|\#[ ]){_BARE}++))""",
    re.IGNORECASE | re.VERBOSE,
)
_FLAG = re.compile(
    rf"""(?<![\w-])--[a-z0-9-]{{0,30}}?(?:{_NAMES})(?P<closed>)(?P<by>[ \t]{{1,4}})
    (?:{_OPEN}{_QUOTED}|(?P<bare>(?!-){_BARE}++))""",
    re.IGNORECASE | re.VERBOSE,
)
_AUTHORIZATION = re.compile(
    r"""authorization(?:\\*["'`]\]?)?[ \t]{0,8}[:=][ \t]{0,8}(?:\\*["'`])?
        (?:bearer|basic|token)[ \t]{1,8}(?P<bare>[^\s"'`,;<>\\]++)
      | (?<![A-Za-z0-9])bearer[ \t]{1,8}(?P<long>(?=[A-Z._~+/-]*+[0-9=])[A-Z0-9._~+/=-]{16,}+)""",
    re.IGNORECASE | re.VERBOSE,
)
# Digits are a port, a digest after the @ is an image's (`docker://alpine:3.19@sha256:…`).
_URL = re.compile(
    r"""://[^\s:/@\[\]"'`<>]{0,200}:(?!\d{1,5}[/?#,])
    (?P<bare>[^\s"'`/?\#]{1,500}(?=@)|[^\s"'`@]{1,500})@(?!sha\d+:)""",
    re.VERBOSE,
)
_OPERATOR = re.compile(r"[ \t]+(?:or|and|if|\+|\|\||\?)[ \t]")
_PROSE = re.compile(r"[ \t]+[A-Za-z]")
_SCHEME = re.compile(r"\A(?:bearer|basic|token)\s+", re.IGNORECASE)
_PATH_BEFORE = re.compile(r"/[\w.-]*\Z")  # `/etc/passwd: Permission denied`
_NUMBER = re.compile(r"[\d:.,%]+")
_NO_DIGITS_OR_NUMBER = re.compile(r"[A-Za-z_]+|[\d:.,%]+")


def redact(value: Any) -> Any:
    """`value` (JSON) with every secret in its texts replaced by `[redacted:KIND]`.

    Dict keys stay. Inputs are never altered; without a secret the very same object comes back.
    Redacting twice changes nothing more.
    """
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, dict):
        entries = {key: _redact_entry(key, item) for key, item in value.items()}
        return value if all(map(operator.is_, entries.values(), value.values())) else entries
    if isinstance(value, list):
        items = [redact(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    return value


def _redact_entry(key: Any, value: Any) -> Any:
    redacted = redact(value)
    if not isinstance(value, str) or not value.strip():
        return redacted
    kind = _kind_of(str(key)[-64:])
    if kind is None or _MARKER.fullmatch(redacted) or _harmless(kind, str(key), value):
        return redacted
    return f"[redacted:{kind}]"


@lru_cache(maxsize=4096)
def _kind_of(name: str) -> str | None:
    """The KIND that a dict key's name gives its value; None for a harmless name."""
    if name.lower().endswith("authorization"):
        return "authorization"
    match = _NAME_AT_END.search(name)
    if match is None or (match["token"] and _HARMLESS_TOKEN.search(name[: match.start()])):
        return None
    return match.lastgroup


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
    if len(text) < 100 and not _HINT.search(lowered):
        return text
    for kind, needles, pattern in _SHAPES:
        if any(needle in lowered for needle in needles):
            text = pattern.sub(f"[redacted:{kind}]", text)
    if "bearer" in lowered or "authorization" in lowered:
        text = _replace(_AUTHORIZATION, text, _authorization)
    if "://" in text:
        text = _replace(_URL, text, _url_password)
    if any(word in lowered for word in _LABELS):
        text = _replace(_LABELLED, text, _labelled)
        if "--" in text:
            text = _replace(_FLAG, text, _labelled)
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
        done = position = match.end(group)
    return "".join((*parts, text[done:])) if parts else text


def _authorization(match: re.Match[str]) -> _Verdict:
    if match["long"]:
        return "authorization", "long"
    value = match["bare"].rstrip(".")
    named = re.fullmatch(r"[a-z_-]{0,20}(?:key|token|jwt|credential)s?", value, re.IGNORECASE)
    prose = value.islower() and value.isalpha() and _PROSE.match(match.string, match.end())
    return None if named or prose or _is_placeholder(value) else ("authorization", "bare")


def _url_password(match: re.Match[str]) -> _Verdict:
    value = match["bare"]
    harmless = _PLACEHOLDER.fullmatch(value) or _MARKER.fullmatch(value)
    return None if harmless else ("password", "bare")


def _labelled(match: re.Match[str]) -> _Verdict:
    kind = next(name for name in _KINDS if match[name])
    before = match.string[max(0, match.start(kind) - 24) : match.start(kind)]
    if kind == "token" and _HARMLESS_TOKEN.search(before):
        return None
    if match["quote"]:
        value = match["quoted"]
        harmless = not value.strip() or _harmless(kind, match[kind], value)
        return None if harmless else (kind, "quoted")
    return None if _harmless_bare(match, kind, before) else (kind, "bare")


def _is_placeholder(value: str) -> bool:
    # An unquoted value may end inside the brackets: `${{ secrets.KEY }}`.
    return value.startswith(("${", "{", "<", "[")) or _PLACEHOLDER.fullmatch(value) is not None


def _harmless(kind: str, name: str, value: str) -> bool:
    """Whether a value under a secret's name stands for one without being one."""
    if kind == "authorization":
        value = _SCHEME.sub("", value)
    # A key is often named by its file; PWD is the working directory.
    if (kind == "private_key" or name.lower().endswith("pwd")) and _PATH.fullmatch(value):
        return True
    return bool(_PLACEHOLDER.fullmatch(value) or _MARKER.fullmatch(value))


def _harmless_bare(match: re.Match[str], kind: str, before: str) -> bool:
    """Whether an unquoted value is code, a type or prose, not a secret."""
    value, by, label = match["bare"].rstrip("."), match["by"], match[kind].lower()
    after = match.string[match.end() : match.end() + 16]
    if not value or "==" in by or _LITERAL.fullmatch(value) or _is_placeholder(value):
        return True
    if _harmless(kind, label, value) or (value in ("$", "%") and after[:1] in ("{", "(")):
        return True
    if after[:1] in ("(", "[") and not after.startswith("[redacted:"):
        return re.fullmatch(r"[A-Za-z_][\w.]*", value) is not None
    if _REFERENCE.fullmatch(value) and (_HOLDER.match(value) or _NAME_AT_END.search(value)):
        return True
    if value.lower() == label or (value.isidentifier() and value.lower().endswith("_" + label)):
        return True
    # An identifier in an expression, or where data would have quotes: `{"token": given}`.
    expression = match["closed"] or (by.endswith("= ") and _OPERATOR.match(after))
    if expression and value.isidentifier() and not re.search(r"\d", value):
        return True
    plain = value.isalpha() and value.isascii()
    if by.strip() == ":" and (_PATH_BEFORE.search(before) or (plain and _PROSE.match(after))):
        return True
    if kind == "password" or (by == "=" and not _NUMBER.fullmatch(value)):
        return False
    return len(value) < 20 and _NO_DIGITS_OR_NUMBER.fullmatch(value) is not None
