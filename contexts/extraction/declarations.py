"""Functions and classes told line by line: for pieces of code, and where there are no trees."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A line that declares something is short; on long ones the expressions would take the square.
_LONGEST = 300
_NAME = r"(?P<name>[A-Za-z_$][\w$]*)"
_CURLY_CLASS = (
    r"(?:(?:export|default|abstract|public|private|protected|internal|static|final|sealed|partial"
    r"|open|data|readonly|case|declare|pub(?:\([^)]*\))?)\s+)*"
    r"(?:class|interface|enum(?: class)?|record|struct|trait|object|protocol|actor)\s+" + _NAME
)
_MODIFIERS = (
    r"(?:(?:public|private|protected|internal|static|final|abstract|override|virtual|async"
    r"|synchronized|sealed|partial|extern|unsafe|default|native)\s+)"
)
_TYPED_METHOD = (
    r"(?=[^=;]*\()" + _MODIFIERS + r"+(?:[\w<>\[\],.?]+\s+)*" + _NAME + r"\s*(?:<[\w, ]+>)?\("
)
_SCRIPT_FUNCTION = (
    r"(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:async\s+)?function\s*\*?\s*" + _NAME,
    r"(?:export\s+)?(?:const|let|var)\s+" + _NAME + r"\s*(?::[^=]+)?=\s*(?:async\s+)?"
    r"(?:function\b|\([^)]*\)\s*(?::[^=]+)?=>|\w+\s*=>)",
    r"(?:(?:public|private|protected|static|async|readonly|override|get|set)\s+)*\*?"
    r"(?!(?:if|for|while|switch|catch|function|return|with|super|constructor\.)\b)"
    r"(?P<method>#?[A-Za-z_$][\w$]*)\s*(?:<[\w, ]+>)?\([^;=]*\)\s*(?::[^{;]+)?\{\s*$",
)
_DECLARATIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "python": (r"class\s+" + _NAME, (r"(?:async\s+)?def\s+" + _NAME,)),
    "javascript": (_CURLY_CLASS, _SCRIPT_FUNCTION),
    "typescript": (_CURLY_CLASS, _SCRIPT_FUNCTION),
    "tsx": (_CURLY_CLASS, _SCRIPT_FUNCTION),
    "go": (
        r"type\s+" + _NAME + r"(?:\[[^\]]*\])?\s+(?:struct|interface)\b",
        (r"func\s+(?:\(\s*(?:\w+\s+)?\*?\s*(?P<owner>\w+)[^)]*\)\s*)?" + _NAME,),
    ),
    "rust": (
        r"(?:unsafe\s+)?impl(?:<[^{]*?>)?\s+(?:[\w:<>, ']+\s+for\s+)?(?P<impl>\w+)|" + _CURLY_CLASS,
        (
            r"(?:pub(?:\([^)]*\))?\s+)?(?:default\s+)?(?:(?:async|const|unsafe|extern\s+\"\w+\")\s+)*"
            r"fn\s+" + _NAME,
        ),
    ),
    "java": (_CURLY_CLASS, (_TYPED_METHOD,)),
    "csharp": (_CURLY_CLASS, (_TYPED_METHOD,)),
    "ruby": (
        r"(?:class|module)\s+(?P<name>[A-Z][\w:]*)",
        (r"def\s+(?:self\.)?(?P<name>[a-z_]\w*[?!=]?)",),
    ),
    "php": (
        _CURLY_CLASS,
        (r"(?:(?:public|private|protected|static|final|abstract)\s+)*function\s+&?" + _NAME,),
    ),
    "kotlin": (_CURLY_CLASS, (r"(?:[a-z]+\s+)*fun\s+(?:<[^>]+>\s*)?(?:\w+\.)?" + _NAME,)),
    "swift": (_CURLY_CLASS, (r"(?:[a-z]+\s+)*func\s+" + _NAME,)),
    "scala": (_CURLY_CLASS, (r"(?:[a-z]+\s+)*def\s+" + _NAME,)),
}
_COMPILED = {
    language: (re.compile(holder), tuple(map(re.compile, functions)))
    for language, (holder, functions) in _DECLARATIONS.items()
}
# Lines at a scope's own indentation that still belong to it.
_CLOSING = re.compile(r"[{}\])]|(?:end|else|elif|except|finally|rescue|ensure|catch|when|in)\b")
# What stands in front of a declaration and belongs to it.
_DECORATORS = ("@", "#[")


@dataclass(frozen=True)
class _Scope:
    indent: int
    name: str
    holds: bool


def declared(language: str, line: str) -> tuple[str, bool] | None:
    """Name of what a line declares and whether it holds others (a class); None for most lines."""
    patterns = _COMPILED.get(language)
    text = line.strip()
    if patterns is None or len(text) > _LONGEST:
        return None
    holder, functions = patterns
    if match := holder.match(text):
        return next(filter(None, match.groupdict().values())), True
    for function in functions:
        if match := function.match(text):
            named = match.groupdict()
            name = named.get("name") or named.get("method") or ""
            return (f"{named['owner']}.{name}" if named.get("owner") else name), False
    return None


def scopes_of(language: str, section: str, lines: Iterable[str]) -> list[tuple[str, bool]]:
    """For each line the innermost class or method around it, and whether the line declares it.

    The name is "" outside all. `section` is what stands somewhere above the lines. A function
    inside a function counts as its outer one. Indentation tells what is inside what.
    """
    found: list[tuple[str, bool]] = []
    above = declared(language, section)
    stack = [_Scope(0, *above)] if above else []
    # How far it was indented is not said: what follows a function there may stand beside it.
    vague = stack[:] if above and not above[1] else None
    decorators = 0
    for line in lines:
        text = line.strip()
        if not text:
            found.append((stack[-1].name if stack else "", False))
            continue
        indent = len(line) - len(line.lstrip())
        here = declared(language, line)
        while stack and _outside(stack[-1], indent, text, bool(here)):
            stack.pop()
        if here and stack == vague:
            stack.pop()
        if here is None or (stack and not stack[-1].holds):
            decorators = decorators + 1 if text.startswith(_DECORATORS) else 0
            found.append((stack[-1].name if stack else "", False))
            continue
        name, holds = here
        is_impl = language == "rust" and text.startswith(("impl", "unsafe impl"))
        full = f"{stack[-1].name}.{name}" if stack and stack[-1].name else name
        stack.append(_Scope(indent, full, holds))
        found[len(found) - decorators :] = [(full, False)] * decorators
        found.append((full, not is_impl))
        decorators = 0
    return found


def _outside(scope: _Scope, indent: int, text: str, declares: bool) -> bool:
    if indent > scope.indent:
        return False
    return indent < scope.indent or declares or not _CLOSING.match(text)
