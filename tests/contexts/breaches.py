"""What breaks a rule of the house in a piece of source: writes, branches by level, imports."""

import ast
from collections.abc import Iterator

from contexts.levels import LEVELS

TABLES = {level.model._meta.db_table for level in LEVELS.values()}
MODELS = {"Context", *(level.model.__name__ for level in LEVELS.values())}
# Calls and attributes that give context rows, their manager or a query of them.
GIVERS = {"model", "rows", "rows_of", "lock", "find_locked", "visible", "found"}
WRITES = {
    *("save", "asave", "create", "acreate", "bulk_create", "abulk_create"),
    *("update", "aupdate", "bulk_update", "abulk_update", "delete", "adelete"),
    *("get_or_create", "update_or_create", "save_base", "raw_delete", "_raw_delete"),
}
# `contexts.statements`, which are given what they write.
STATEMENTS = {"insert", "update", "statements.insert", "statements.update"}
# Admin's own ways of writing the row that a form shows.
ADMIN_WRITES = {"save_model", "delete_model", "delete_queryset"}


def links(node: ast.AST) -> Iterator[ast.AST]:
    """`a.b(…)[0].c` as its links: itself, `a.b(…)[0]`, `a.b(…)`, `a.b`, `a`."""
    while True:
        yield node
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute | ast.Subscript | ast.Await | ast.Starred):
            node = node.value
        else:
            return


def names_in(node: ast.AST) -> set[str]:
    """The names in an annotation, quoted or not."""
    found: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.Attribute):
            found.add(each.attr)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            try:
                found |= names_in(ast.parse(each.value, mode="eval"))
            except SyntaxError:
                continue
    return found


class ContextWrites(ast.NodeVisitor):
    """Finds writes of context rows: of names known to hold some, and of whole tables in SQL."""

    def __init__(self) -> None:
        self.offences: list[str] = []
        self._holders: list[set[str]] = [set()]

    def _gives_rows(self, node: ast.AST) -> bool:
        for link in links(node):
            if isinstance(link, ast.Name):
                return link.id in MODELS or any(link.id in names for names in self._holders)
            if isinstance(link, ast.Attribute) and link.attr in GIVERS | MODELS:
                return True
            if isinstance(link, ast.Call):
                owned = isinstance(link.func, ast.Name | ast.Attribute) and (
                    link.func.id if isinstance(link.func, ast.Name) else link.func.attr
                ) in {"owned", "get_object_or_404", *GIVERS}
                if owned and (not link.args or any(self._gives_rows(each) for each in link.args)):
                    return True
        return False

    def _note(self, target: ast.AST, value: ast.AST | None) -> None:
        if value is not None and self._gives_rows(value):
            for each in ast.walk(target):
                if isinstance(each, ast.Name):
                    self._holders[-1].add(each.id)

    def _scope(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        held = {
            each.arg
            for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            if each.annotation is not None and names_in(each.annotation) & MODELS
        }
        self._holders.append(held)
        self.generic_visit(node)
        self._holders.pop()

    visit_FunctionDef = _scope  # noqa: N815
    visit_AsyncFunctionDef = _scope  # noqa: N815

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._note(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if names_in(node.annotation) & MODELS and isinstance(node.target, ast.Name):
            self._holders[-1].add(node.target.id)
        self._note(node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._note(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._note(node.target, node.iter)
        self.generic_visit(node)

    def _comprehend(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        for generator in node.generators:
            self._note(generator.target, generator.iter)
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehend  # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute):
            by_super = isinstance(function.value, ast.Call) and names_in(function.value.func) == {
                "super"
            }
            if function.attr in WRITES and self._gives_rows(function.value):
                self.offences.append(f"{node.lineno}: .{function.attr}(…) of context rows")
            given = any(self._gives_rows(each) for each in node.args)
            if function.attr in ADMIN_WRITES and by_super and given:
                self.offences.append(f"{node.lineno}: the admin's own {function.attr}")
        if ast.unparse(function) in STATEMENTS and any(
            self._gives_rows(each) for given in node.args for each in _members(given)
        ):
            self.offences.append(f"{node.lineno}: {ast.unparse(function)}(…) of context rows")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        words = node.value.lower().split() if isinstance(node.value, str) else []
        writes = {"insert", "update", "delete", "truncate"} & set(words)
        if writes and any(word.strip('"`();,') in TABLES for word in words):
            self.offences.append(f"{node.lineno}: SQL that writes a context table")


def context_writes(source: str) -> list[str]:
    visitor = ContextWrites()
    visitor.visit(ast.parse(source))
    return visitor.offences


def level_branches(source: str) -> list[str]:
    """Comparisons of a level with one of the four."""
    offences = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            patterns = [each.pattern for each in node.cases]
            sides = [node.subject]
            sides += [
                each.value
                for pattern in patterns
                for each in ast.walk(pattern)
                if isinstance(each, ast.MatchValue)
            ]
        else:
            continue
        if any(map(_is_level, sides)) and any(
            _is_one_of_the_four(each) for side in sides for each in _members(side)
        ):
            offences.append(f"{node.lineno}: {ast.unparse(node).splitlines()[0]}")
    return offences


def _members(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]


def _is_level(node: ast.expr) -> bool:
    named = [
        link.id if isinstance(link, ast.Name) else link.attr
        for link in links(node)
        if isinstance(link, ast.Name | ast.Attribute)
    ]
    return any(name == "level" or name.endswith("_level") for name in named)


def _is_one_of_the_four(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in LEVELS
    last = [each for each in names_in(node) if each in {name.upper() for name in LEVELS}]
    return bool(last)


def inner_imports(source: str) -> list[str]:
    """Imports inside functions."""
    return [
        f"{inner.lineno}: {ast.unparse(inner)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
