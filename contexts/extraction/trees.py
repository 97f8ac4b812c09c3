"""Syntax trees by ast-grep, where the extra `patterns` is installed."""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

try:
    from ast_grep_py import SgRoot
except ImportError:
    SgRoot = None  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from ast_grep_py import Config, SgNode

LONGEST_TEXT = 256 * 1024
# Rules that look for something anywhere above or below take the square of it.
DEEPEST = 200

_LANGUAGES = {
    "python": ("py", "pyi"),
    "javascript": ("js", "mjs", "cjs", "jsx"),
    "typescript": ("ts", "mts", "cts"),
    "tsx": ("tsx",),
    "go": ("go",),
    "rust": ("rs",),
    "java": ("java",),
    "ruby": ("rb", "rake", "gemspec"),
    "csharp": ("cs",),
    "php": ("php",),
    "kotlin": ("kt", "kts"),
    "swift": ("swift",),
    "scala": ("scala",),
}
_BY_SUFFIX = {suffix: name for name, suffixes in _LANGUAGES.items() for suffix in suffixes}
LANGUAGES = frozenset(_LANGUAGES)


def installed() -> bool:
    return SgRoot is not None


def language_of(path: str) -> str:
    """The language of a file by its name; "" for one that is not known here."""
    name = PurePosixPath(path.replace("\\", "/")).name
    if name in ("Rakefile", "Gemfile"):
        return "ruby"
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower(), "")


class Tree:
    """A text's syntax tree. `kinds` are the kinds of its nodes."""

    def __init__(self, root: "SgNode", kinds: set[str]) -> None:
        self._root = root
        self.kinds = kinds

    def search(self, rule: dict[str, Any]) -> "list[SgNode]":
        """The nodes that a rule object of ast-grep matches, in the order of the text."""
        return self._root.find_all(cast("Config", {"rule": rule}))


def parse(language: str, text: str) -> Tree | None:
    """The text's tree, errors in it tolerated.

    None without the extra, and for a text too long or nested too deep to be searched in bounded
    time.
    """
    if SgRoot is None or language not in LANGUAGES or len(text) > LONGEST_TEXT:
        return None
    try:
        root = SgRoot(text, language).root()
    except UnicodeEncodeError:  # A lone surrogate is no text.
        return None
    kinds, level = set(), [root]
    for _ in range(DEEPEST):
        kinds.update([node.kind() for node in level])
        level = [child for node in level for child in node.named_children()]
        if not level:
            return Tree(root, kinds)
    return None


def kinds_of(rule: dict[str, Any]) -> set[str] | None:
    """The kinds of which a node must be one for a rule to match it; None when any may do."""
    if isinstance(rule.get("kind"), str):
        return {rule["kind"]}
    if isinstance(rule.get("any"), list):
        each = [kinds_of(part) for part in rule["any"]]
        known = [kinds for kinds in each if kinds is not None]
        return set().union(*known) if len(known) == len(each) else None
    parts = rule.get("all")
    found = (kinds_of(part) for part in (parts if isinstance(parts, list) else []))
    return next((kinds for kinds in found if kinds is not None), None)


def problem_of(language: str, rule: dict[str, Any]) -> str:
    """Why ast-grep cannot use a rule in a language; "" when it can, or is not installed."""
    if SgRoot is None:
        return ""
    try:
        Tree(SgRoot("", language).root(), set()).search(rule)
    except Exception as error:  # That is what it raises for a field it does not know.
        reasons = []
        cause: BaseException | None = error
        while cause is not None:
            reasons.append(str(cause))
            cause = cause.__cause__
        return "; ".join(reasons)
    return ""
