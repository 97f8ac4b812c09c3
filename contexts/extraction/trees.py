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


def parse(language: str, text: str) -> "SgNode | None":
    """The root of the text's tree, errors in it tolerated.

    None without the extra, and for a text too long or nested too deep to be searched in bounded
    time.
    """
    if SgRoot is None or language not in LANGUAGES or len(text) > LONGEST_TEXT:
        return None
    root = SgRoot(text, language).root()
    level = [root]
    for _ in range(DEEPEST):
        level = [child for node in level for child in node.named_children()]
        if not level:
            return root
    return None


def search(root: "SgNode", rule: dict[str, Any]) -> "list[SgNode]":
    """The nodes that a rule object of ast-grep matches, in the order of the text."""
    return root.find_all(cast("Config", {"rule": rule}))


def problem_of(language: str, rule: dict[str, Any]) -> str:
    """Why ast-grep cannot use a rule in a language; "" when it can, or is not installed."""
    if SgRoot is None:
        return ""
    try:
        search(SgRoot("", language).root(), rule)
    except (RuntimeError, TypeError, ValueError) as error:
        reasons = []
        cause: BaseException | None = error
        while cause is not None:
            reasons.append(str(cause))
            cause = cause.__cause__
        return "; ".join(reasons)
    return ""
