"""Shell command lines as the simple commands in them. Reads, never runs; never raises."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_COMMAND = 2**15
MOST_COMMANDS = 200
DEEPEST = 3

_OPERATORS = ";&|()\n"
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
# `2>&1` and `&>file` are no operators.
_DUPLICATION = re.compile(r"\d*[<>]&[\d-]|&>>?")
_REDIRECTION = re.compile(r"\d*(?:>>?|<)&?\S*|&>>?\S*")
_KEYWORDS = frozenset(("if", "then", "elif", "else", "while", "until", "do", "!", "{", "}", "("))
# Wrapper: its options that take a value of their own.
_WRAPPERS: dict[str, frozenset[str]] = {
    "sudo": frozenset(("-u", "-g", "-h", "-p", "-C", "--user", "--group")),
    "doas": frozenset(("-u",)),
    "env": frozenset(("-u", "-C", "-S", "--unset", "--chdir")),
    "time": frozenset(("-f", "-o")),
    "nice": frozenset(("-n",)),
    "ionice": frozenset(("-c", "-n", "-p")),
    "timeout": frozenset(("-s", "-k", "--signal", "--kill-after")),
    "stdbuf": frozenset(("-i", "-o", "-e")),
    "xvfb-run": frozenset(("-n", "-s", "-e")),
    "nohup": frozenset(),
    "command": frozenset(),
    "exec": frozenset(),
    "builtin": frozenset(),
    "setsid": frozenset(),
    "caffeinate": frozenset(),
    "dotenv": frozenset(("-f", "-e")),
    "npx": frozenset(("-p", "--package", "-c")),
    "bunx": frozenset(),
    "pnpx": frozenset(),
    "uvx": frozenset(("--from", "--with", "--python", "-p")),
    "xargs": frozenset(("-n", "-P", "-I", "-L", "-d", "-a", "-E", "-s")),
}
# Two words that wrap: `uv run pytest`.
_RUNNERS: dict[str, frozenset[str]] = {
    "uv run": frozenset(("--with", "--extra", "--group", "--python", "-p", "--project")),
    "uv tool": frozenset(),
    "poetry run": frozenset(),
    "pipenv run": frozenset(),
    "pdm run": frozenset(),
    "rye run": frozenset(),
    "hatch run": frozenset(),
    "pixi run": frozenset(),
    "conda run": frozenset(("-n", "-p", "--name", "--prefix")),
    "bundle exec": frozenset(),
    "pnpm exec": frozenset(),
    "pnpm dlx": frozenset(),
    "yarn exec": frozenset(),
    "yarn dlx": frozenset(),
    "npm exec": frozenset(),
    "mise exec": frozenset(),
    "coverage run": frozenset(("--source", "--omit", "--include", "--rcfile")),
    "pipx run": frozenset(("--spec", "--python")),
}
# What runs a command inside a container, behind the container's or the image's name.
_CONTAINERS = frozenset(("docker", "podman", "docker-compose", "nerdctl"))
_CONTAINER_VALUED = frozenset(
    (
        *("-e", "-u", "-w", "-v", "-p", "-f", "-h", "-l", "-m", "--env", "--env-file", "--user"),
        *("--workdir", "--volume", "--publish", "--file", "--name", "--network", "--mount"),
        *("--entrypoint", "--platform", "--memory", "--cpus", "--gpus", "--project-name"),
    )
)
# `jest@29`, `ruff==0.9`: what is run of a package whose version is named.
_VERSION = re.compile(r"(?<=\w)(?:@|==)[\w.^~*+-]+")
# A path of Windows, whose separators a shell's rules would take for escapes.
_WINDOWS_PATH = re.compile(r"(?<!\S)(?:[A-Za-z]:|\.{1,2}|[\w.-]+)(?:\\[\w.-]+)+(?=\s|$)")
SHELLS = frozenset(("bash", "sh", "zsh", "dash", "ksh", "fish"))
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*|py")
_TIMEOUT = re.compile(r"\d+(?:\.\d+)?[smhd]?")


@dataclass(frozen=True)
class Command:
    """A simple command: the program's name without its folder, and the words behind it."""

    program: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.program, *self.arguments))


def commands_in(line: str, depth: int = 0) -> list[Command]:
    """The simple commands of a line, in order, each without what wraps it (`sudo`, `uv run`, …)."""
    found: list[Command] = []
    for words in _simple(line[:LONGEST_COMMAND]):
        found += _unwrapped(words, depth)
        if len(found) >= MOST_COMMANDS:
            break
    return found[:MOST_COMMANDS]


def _simple(line: str) -> Iterator[list[str]]:
    """The words between the operators of a line."""
    words: list[str] = []
    comment = False
    for word in _words(_without_heredocs(line)):
        if word and all(character in _OPERATORS for character in word):
            if words:
                yield words
            words, comment = [], comment and "\n" not in word
        elif comment or word.startswith("#"):
            comment = True
        else:
            words.append(word)
    if words:
        yield words


def _words(line: str) -> list[str]:
    line = _DUPLICATION.sub(" ", line)
    if "\\" in line:
        line = _WINDOWS_PATH.sub(lambda match: match[0].replace("\\", "/"), line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        # A quote that nobody closes: the words as they stand.
        return [word for word in re.split(r"([;&|()\n]+)|[ \t\r]+", line) if word]


def _without_heredocs(line: str) -> str:
    """The line without the texts that are fed to its commands (`<<EOF` … `EOF`)."""
    if "<<" not in line:
        return line
    kept: list[str] = []
    waiting: list[str] = []
    for each in line.split("\n"):
        if waiting:
            if each.strip() == waiting[0]:
                waiting.pop(0)
            continue
        waiting = [match[2] for match in _HEREDOC.finditer(each)]
        kept.append(_HEREDOC.sub(" ", each))
    return "\n".join(kept)


def _unwrapped(words: list[str], depth: int) -> list[Command]:
    words = [word for word in words if not _REDIRECTION.fullmatch(word)]
    for _ in range(20):
        while words and (words[0] in _KEYWORDS or _ASSIGNMENT.fullmatch(words[0])):
            words = words[1:]
        if not words:
            return []
        name = re.split(r"[/\\]", words[0])[-1].removesuffix(".exe")
        rest = _behind(name, words[1:])
        if rest is None:
            break
        words = [_VERSION.sub("", rest[0]), *rest[1:]]
    else:
        return []
    if name in SHELLS and depth < DEEPEST:
        script = _script(words[1:])
        if script is not None:
            return commands_in(script, depth + 1)
    return [Command(name or words[0], tuple(words[1:]))]


def _behind(name: str, arguments: list[str]) -> list[str] | None:
    """The words of the command that a wrapper wraps; None when `name` is no wrapper."""
    if name in _WRAPPERS:
        rest = _options_skipped(arguments, _WRAPPERS[name])
        if name == "timeout" and rest and _TIMEOUT.fullmatch(rest[0]):
            rest = rest[1:]
        return rest or None
    pair = f"{name} {arguments[0]}" if arguments else ""
    if pair in _RUNNERS:
        rest = _options_skipped(arguments[1:], _RUNNERS[pair])
        if pair == "uv tool" and rest[:1] == ["run"]:
            rest = rest[1:]
        # `coverage run -m pytest`, `uv run -m pytest`
        module = _module(arguments[1:], rest)
        return module or rest or None
    if name in _CONTAINERS:
        return _contained(arguments)
    if _PYTHON.fullmatch(name):
        return _module(arguments, _options_skipped(arguments, frozenset(("-W", "-X"))))
    return None


def _contained(arguments: list[str]) -> list[str] | None:
    """What `docker exec web …`, `docker compose run --rm web …` and such run inside."""
    words = _options_skipped(arguments, _CONTAINER_VALUED)
    if words[:1] == ["compose"]:
        words = _options_skipped(words[1:], _CONTAINER_VALUED)
    if words[:1] not in (["exec"], ["run"]):
        return None
    inside = _options_skipped(words[1:], _CONTAINER_VALUED)[1:]
    # `docker run postgres -c x=1` gives options to the image's own program.
    return inside if inside and not inside[0].startswith("-") else None


def _module(arguments: list[str], rest: list[str]) -> list[str] | None:
    """What `-m module …` among the options in front runs, as if it was a program."""
    options = arguments[: len(arguments) - len(rest)]
    if "-m" in options and rest:
        return rest
    return None


def _options_skipped(words: list[str], valued: frozenset[str]) -> list[str]:
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            return words[position + 1 :]
        if word == "-m":
            return words[position + 1 :]
        if word.startswith("-") and len(word) > 1:
            position += 2 if word in valued else 1
        else:
            break
    return words[position:]


def _script(arguments: list[str]) -> str | None:
    """The text behind `-c` (or `-lc`); None when a file is run."""
    for position, word in enumerate(arguments):
        if re.fullmatch(r"-[a-z]*c", word):
            return arguments[position + 1] if position + 1 < len(arguments) else None
        if not word.startswith("-"):
            return None
    return None
