"""Structural rules over syntax trees: what patterns a piece of code uses.

The rules are data: `rules/*.toml`, and files of the same form that a user adds:

    [[rule]]
    id = "python-dataclass"            # unique; a user's rule with a shipped id replaces it
    language = "python"                # or a list of them, named as in `trees`
    name = "dataclass"                 # what `patterns_used` says
    means = "A class that only holds data."
    phrase = "a dataclass"             # how a summary says that a function gained it; optional
    rule = { kind = "decorator", regex = '^@dataclass\\b' }   # a rule object of ast-grep
    found = ["@dataclass\\nclass A: ..."]                     # tried by the tests; optional
    not_found = ["class A: ..."]
"""

import logging
import tomllib
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from contexts.extraction import trees

logger = logging.getLogger("contextsys.extraction")

# Of one file: each rule is searched for in every edit of its language.
LARGEST_FILE = 256 * 1024
MOST_RULES = 200
LONGEST_NAME = 100
_SHIPPED = Path(__file__).parent / "rules"
_TEXTS = ("id", "name", "means")


class RulesError(ValueError):
    """A rule file that cannot be used; the text says which rule, and why."""


@dataclass(frozen=True)
class Rule:
    """One rule; `found` and `not_found` are its examples."""

    id: str
    languages: tuple[str, ...]
    name: str
    means: str
    rule: dict[str, Any]
    phrase: str = ""
    found: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()

    @cached_property
    def kinds(self) -> set[str] | None:
        return trees.kinds_of(self.rule)


@dataclass(frozen=True)
class Match:
    """A rule's name and the lines, from 0, of what it found."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Rules:
    """Rules by language."""

    rules: tuple[Rule, ...] = ()
    _by_language: dict[str, list[Rule]] = field(default_factory=dict, repr=False, compare=False)
    _phrases: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        for rule in self.rules:
            if rule.phrase:
                self._phrases[rule.name] = rule.phrase
            for language in rule.languages:
                self._by_language.setdefault(language, []).append(rule)

    def phrase_of(self, name: str) -> str:
        """How a summary says that something gained the pattern; "" when it does not."""
        return self._phrases.get(name, "")

    def find(self, language: str, text: str, names: Container[str] | None = None) -> list[Match]:
        """What the rules of a language (with one of `names`) find in a text.

        [] without the extra or for what is too large. Errors in the text are tolerated: what can
        be read around them is.
        """
        rules = self._by_language.get(language)
        if not rules or (tree := trees.parse(language, text)) is None:
            return []
        found = []
        for rule in rules:
            # ast-grep compiles a rule at every search, which costs more than most searches.
            if names is not None and rule.name not in names:
                continue
            if rule.kinds is not None and rule.kinds.isdisjoint(tree.kinds):
                continue
            for node in tree.search(rule.rule):
                place = node.range()
                found.append(Match(rule.name, place.start.line, place.end.line))
        return found


def load(extra: Iterable[Path] = ()) -> Rules:
    """The shipped rules and those of `extra` files.

    Raises `RulesError` for a file that cannot be read or holds what is no rule.
    """
    rules: dict[str, Rule] = {}
    for path in [*sorted(_SHIPPED.glob("*.toml")), *extra]:
        seen = set()
        for rule in _read(path):
            if rule.id in seen:
                raise RulesError(f"{path.name}: two rules have the id {rule.id!r}.")
            seen.add(rule.id)
            rules[rule.id] = rule
    return Rules(tuple(rules.values()))


@lru_cache(maxsize=1)
def shipped() -> Rules:
    """The rules that come with the product."""
    return load()


# The file of the user's own rules, when there is one.
_own: list[Path] = []


def use(path: Path | None) -> None:
    """Names the file of the user's own rules, for `in_use`; it is read when they are needed."""
    _own[:] = [path] if path is not None else []
    in_use.cache_clear()


@cache
def in_use() -> Rules:
    """The shipped rules and the user's own, read once.

    A start refuses a file that is wrong (`mistake_in`). One that went wrong since is left out.
    """
    try:
        return load(_own)
    except RulesError as error:
        logger.warning("own pattern rules are left out: %s", str(error))
        return shipped()


def mistake_in(path: Path) -> str:
    """Why a file of rules cannot be used, or which of its own examples it fails; "" when right."""
    try:
        load([path])
        failed = next(filter(None, map(_failed_example, _read(path))), "")
    except RulesError as error:
        return str(error)
    return failed and f"{path.name}: {failed}"


def _failed_example(rule: Rule) -> str:
    examples = [(text, True) for text in rule.found] + [(text, False) for text in rule.not_found]
    for language in rule.languages if trees.installed() else ():
        for text, expected in examples:
            finds = bool(Rules((rule,)).find(language, text))
            if finds != expected:
                does = "finds" if finds else "does not find"
                return f"rule {rule.id!r} {does} its example {text[:60]!r}"
    return ""


def _read(path: Path) -> list[Rule]:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
        content = tomllib.loads(text.decode())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RulesError(f"{path.name}: {reason}") from error
    if len(text) > LARGEST_FILE:
        raise RulesError(f"{path.name}: larger than {LARGEST_FILE // 1024} KiB.")
    tables = content.get("rule")
    if not isinstance(tables, list):
        raise RulesError(f"{path.name}: holds no [[rule]].")
    if len(tables) > MOST_RULES:
        raise RulesError(f"{path.name}: holds more than {MOST_RULES} rules.")
    return [_rule(path.name, table) for table in tables]


def _rule(file: str, table: Any) -> Rule:
    given = table.get("id") if isinstance(table, dict) else None
    where = f"{file}: rule {given!r}"
    if not isinstance(table, dict) or not all(_is_text(table.get(name)) for name in _TEXTS):
        raise RulesError(f"{where}: `id`, `name` and `means` must be texts.")
    if max(len(table["id"]), len(table["name"])) > LONGEST_NAME:
        raise RulesError(f"{where[:200]}: `id` and `name` have up to {LONGEST_NAME} characters.")
    named = table.get("language")
    languages = tuple(named) if isinstance(named, list) else (named,)
    if not languages or not all(_is_text(each) and each in trees.LANGUAGES for each in languages):
        known = ", ".join(sorted(trees.LANGUAGES))
        raise RulesError(f"{where}: `language` must be one or more of {known}.")
    if not isinstance(table.get("phrase", ""), str):
        raise RulesError(f"{where}: `phrase` must be a text.")
    examples = [table.get(name, []) for name in ("found", "not_found")]
    if not all(isinstance(each, list) and all(map(_is_text, each)) for each in examples):
        raise RulesError(f"{where}: `found` and `not_found` must be lists of texts.")
    pattern = table.get("rule")
    if not isinstance(pattern, dict) or not pattern:
        raise RulesError(f"{where}: `rule` must be a rule object of ast-grep.")
    for language in languages:
        if problem := trees.problem_of(language, pattern):
            raise RulesError(f"{where}, {language}: {problem}")
    return Rule(
        table["id"],
        languages,
        table["name"],
        table["means"],
        pattern,
        table.get("phrase", ""),
        tuple(examples[0]),
        tuple(examples[1]),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
