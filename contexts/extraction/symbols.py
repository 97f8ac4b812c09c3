"""The functions and classes that an edit adds, removes or changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contexts.extraction import trees
from contexts.extraction.declarations import scopes_of
from contexts.extraction.diffs import Hunk

if TYPE_CHECKING:
    from ast_grep_py import SgNode

_CLASS, _FUNCTION, _SCOPE = "class", "function", "scope"
_SCRIPT = {
    "function_declaration": _FUNCTION,
    "generator_function_declaration": _FUNCTION,
    "method_definition": _FUNCTION,
    "variable_declarator": _FUNCTION,
    "class_declaration": _CLASS,
}
_TYPED_SCRIPT = _SCRIPT | {
    "abstract_class_declaration": _CLASS,
    "interface_declaration": _CLASS,
    "enum_declaration": _CLASS,
}
_KINDS: dict[str, dict[str, str]] = {
    "python": {"function_definition": _FUNCTION, "class_definition": _CLASS},
    "javascript": _SCRIPT,
    "typescript": _TYPED_SCRIPT,
    "tsx": _TYPED_SCRIPT,
    "go": {
        "function_declaration": _FUNCTION,
        "method_declaration": _FUNCTION,
        "type_spec": _CLASS,
    },
    "rust": {
        "function_item": _FUNCTION,
        "struct_item": _CLASS,
        "enum_item": _CLASS,
        "trait_item": _CLASS,
        "impl_item": _SCOPE,
    },
    "java": {
        "class_declaration": _CLASS,
        "interface_declaration": _CLASS,
        "enum_declaration": _CLASS,
        "record_declaration": _CLASS,
        "method_declaration": _FUNCTION,
        "constructor_declaration": _FUNCTION,
    },
    "ruby": {
        "class": _CLASS,
        "module": _CLASS,
        "method": _FUNCTION,
        "singleton_method": _FUNCTION,
    },
    "csharp": {
        "class_declaration": _CLASS,
        "interface_declaration": _CLASS,
        "struct_declaration": _CLASS,
        "record_declaration": _CLASS,
        "enum_declaration": _CLASS,
        "method_declaration": _FUNCTION,
        "constructor_declaration": _FUNCTION,
    },
    "php": {
        "class_declaration": _CLASS,
        "interface_declaration": _CLASS,
        "trait_declaration": _CLASS,
        "enum_declaration": _CLASS,
        "method_declaration": _FUNCTION,
        "function_definition": _FUNCTION,
    },
}
_FUNCTION_VALUES = ("arrow_function", "function_expression", "function", "generator_function")
_LONGEST_NAME = 100


@dataclass
class Touched:
    """Qualified names (`CloudClient.push`), each list in the order of the text."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        return [*self.added, *self.changed, *self.removed]


@dataclass
class Side:
    """One text, before or after: which lines changed, and what declaration each stands in."""

    changed: list[bool]
    scopes: list[str]
    declares: list[bool]
    texts: list[str]

    def touched(self) -> list[str]:
        """What changed lines stand in; blank ones belong to nobody."""
        rows = zip(self.changed, self.scopes, self.texts, strict=True)
        return _once(scope for changed, scope, text in rows if changed and scope and text.strip())

    def declared(self) -> set[str]:
        rows = zip(self.scopes, self.declares, strict=True)
        return {scope for scope, declares in rows if declares}

    def declared_anew(self) -> list[str]:
        rows = zip(self.changed, self.scopes, self.declares, strict=True)
        return _once(scope for changed, scope, declares in rows if changed and declares)


def compared(before: Side, after: Side) -> Touched:
    """What became of the declarations between two sides."""
    known_before, known_after = before.declared(), after.declared()
    added = [name for name in after.declared_anew() if name not in known_before]
    removed = [name for name in before.declared_anew() if name not in known_after]
    gone = {*added, *removed}
    touched = _once([*after.touched(), *before.touched()])
    return Touched(added, removed, [name for name in touched if name not in gone])


def whole(language: str, text: str, changed: set[int]) -> Side:
    """A whole text, by its tree, or line by line without one; `changed` are lines, from 0."""
    texts = text.split("\n")
    marked = [number in changed for number in range(len(texts))]
    kinds = _KINDS.get(language)
    tree = trees.parse(language, text) if kinds else None
    if tree is None or kinds is None:
        told = scopes_of(language, "", texts)
        return Side(marked, [scope for scope, _ in told], [each for _, each in told], texts)
    scopes, declares = [""] * len(texts), [False] * len(texts)
    stack: list[tuple[int, str, str]] = []
    for node in tree.search({"any": [{"kind": kind} for kind in kinds]}):
        start, end = node.range().start, node.range().end
        while stack and stack[-1][0] <= start.index:
            stack.pop()
        name, role = _name(language, node), kinds[node.kind()]
        if not name or (stack and stack[-1][2] == _FUNCTION):
            continue
        full = f"{stack[-1][1]}.{name}" if stack else name
        stack.append((end.index, full, role))
        parent = node.parent()
        first = start.line
        if parent is not None and parent.kind() == "decorated_definition":
            first = parent.range().start.line
        scopes[first : end.line + 1] = [full] * (end.line + 1 - first)
        declares[start.line] = role != _SCOPE
    return Side(marked, scopes, declares, texts)


def pieces(language: str, hunks: Iterable[Hunk], marker: str) -> Side:
    """One side of hunks, by their sections and lines alone."""
    side = Side([], [], [], [])
    for hunk in hunks:
        kept = [line for line in hunk.lines if line[:1] in (" ", marker)]
        texts = [line[1:] for line in kept]
        for scope, declares in scopes_of(language, hunk.section, texts):
            side.scopes.append(scope)
            side.declares.append(declares)
        side.changed += [line[0] == marker for line in kept]
        side.texts += texts
    return side


def changed_lines(hunks: Iterable[Hunk], marker: str) -> set[int]:
    """The numbers, from 0, of the lines that a side has alone."""
    found = set()
    for hunk in hunks:
        number = (hunk.new_start if marker == "+" else hunk.old_start) - 1
        for line in hunk.lines:
            if line[:1] == marker:
                found.add(number)
            number += line[:1] in (" ", marker)
    return found


def _name(language: str, node: "SgNode") -> str:
    kind = node.kind()
    if kind == "variable_declarator":
        value = node.field("value")
        if value is None or value.kind() not in _FUNCTION_VALUES:
            return ""
    if kind == "type_spec":
        given = node.field("type")
        if given is None or given.kind() not in ("struct_type", "interface_type"):
            return ""
    name = node.field("type" if kind == "impl_item" else "name")
    text = name.text() if name is not None else ""
    if kind == "impl_item":
        text = text.partition("<")[0]
    if language == "go" and (receiver := node.field("receiver")) is not None:
        owner = receiver.text().strip("()").split()[-1:] or [""]
        text = f"{owner[0].lstrip('*').partition('[')[0]}.{text}"
    return text[:_LONGEST_NAME]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
