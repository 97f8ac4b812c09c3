"""Which kind of work a command does: `test`, `build`, `vcs`, `install` or `other`."""

import re

from contexts.extraction.shell import SHELLS, Command


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Programs that do one kind of work whatever their arguments.
_ALWAYS = {
    "test": (
        "pytest py.test unittest jest vitest mocha ava karma cypress jasmine tox nox nose2 trial"
        " behave rspec phpunit pest ctest gotestsum nosetests bats busted prove tape tap"
    ),
    "build": (
        "make gmake cmake ninja meson tsc webpack rollup esbuild parcel gcc g++ clang clang++ cc"
        " rustc javac kotlinc msbuild xcodebuild ant build scons bazelisk tsup swc"
    ),
    "vcs": "git hg svn jj gh glab fossil",
    "install": "pipx apt-key easy_install",
}
# Program → kind → the first word that is no option.
_BY_WORD: dict[str, dict[str, str]] = {
    "go": {"test": "test", "build": "build generate", "install": "get install mod"},
    "cargo": {
        "test": "test t nextest",
        "build": "build b check c clippy doc rustc",
        "install": "install add fetch update",
    },
    "npm": {
        "test": "test t tst it",
        "install": "install i ci add update uninstall",
        "build": "build",
    },
    "pnpm": {"test": "test t", "install": "install i add update remove", "build": "build"},
    "yarn": {"test": "test", "install": "install add remove up", "build": "build"},
    "bun": {"test": "test", "install": "install i add remove", "build": "build"},
    "deno": {"test": "test", "build": "compile bundle", "install": "install add cache"},
    "make": {"test": "test tests check", "install": "install"},
    "gmake": {"test": "test tests check", "install": "install"},
    "just": {"test": "test tests check", "build": "build", "install": "install"},
    "task": {"test": "test tests check", "build": "build", "install": "install"},
    "mvn": {"test": "test verify", "build": "package compile install"},
    "mvnw": {"test": "test verify", "build": "package compile install"},
    "gradle": {"test": "test check", "build": "build assemble"},
    "gradlew": {"test": "test check", "build": "build assemble"},
    "dotnet": {"test": "test", "build": "build publish pack", "install": "restore add"},
    "mix": {"test": "test", "build": "compile release", "install": "deps.get"},
    "rake": {"test": "test spec", "build": "build"},
    "rails": {"test": "test spec"},
    "swift": {"test": "test", "build": "build"},
    "bazel": {"test": "test", "build": "build"},
    "zig": {"build": "build"},
    "nx": {"test": "test", "build": "build"},
    "turbo": {"test": "test", "build": "build"},
    "meson": {"test": "test", "install": "install", "build": "setup compile"},
    "ant": {"test": "test"},
    "sbt": {"test": "test", "build": "compile package"},
    "lein": {"test": "test"},
    "stack": {"test": "test", "build": "build", "install": "install"},
    "cabal": {"test": "test", "build": "build", "install": "install"},
    "dart": {"test": "test", "build": "compile"},
    "flutter": {"test": "test", "build": "build"},
    "invoke": {"test": "test tests"},
    "inv": {"test": "test tests"},
    "hatch": {"test": "test", "build": "build"},
    "playwright": {"test": "test", "install": "install"},
    "ng": {"test": "test", "build": "build"},
    "react-scripts": {"test": "test", "build": "build"},
    "manage.py": {"test": "test"},
    "django-admin": {"test": "test"},
    "setup.py": {"test": "test", "build": "build sdist bdist_wheel", "install": "install develop"},
    "vite": {"build": "build"},
    "next": {"build": "build"},
    "docker": {"build": "build buildx", "install": "pull"},
    "podman": {"build": "build", "install": "pull"},
    "pip": {"install": "install uninstall download sync"},
    "uv": {"install": "add sync pip remove lock", "build": "build"},
    "poetry": {"install": "install add remove update lock", "build": "build"},
    "pipenv": {"install": "install sync update"},
    "pdm": {"install": "install add sync", "build": "build"},
    "conda": {"install": "install create update"},
    "mamba": {"install": "install create"},
    "apt": {"install": "install update upgrade remove"},
    "apt-get": {"install": "install update upgrade remove"},
    "dnf": {"install": "install update"},
    "yum": {"install": "install update"},
    "apk": {"install": "add update"},
    "brew": {"install": "install upgrade update"},
    "gem": {"install": "install", "build": "build"},
    "bundle": {"install": "install update"},
    "artisan": {"test": "test"},
    "composer": {"test": "test", "install": "install require update"},
    "rustup": {"install": "install update component target toolchain"},
}
_ASKING = frozenset(("--version", "-V", "--help", "-h", "--collect-only", "--co", "--fixtures"))
_PIP = re.compile(r"pip[\d.]*")
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*|py")
_TEST_FILE = re.compile(r"(?:.*[/\\])?(?:test_[^/\\]*|[^/\\]*_test|tests|runtests)\.py")
_TEST_PROGRAM = re.compile(r"(?:run[-_]?)?(?:all[-_]?|unit[-_]?)?tests?\.(?:sh|bash|ps1|bat|cmd)")
_TEST_SCRIPT = re.compile(r"(?:test|tests|spec|e2e|unit|integration)(?:[:._-].*)?|.*[:._-]tests?")
_BUILD_SCRIPT = re.compile(r"(?:build|compile|bundle)(?:[:._-].*)?")
_RUN = frozenset(("npm", "pnpm", "yarn", "bun", "deno", "turbo", "lerna"))
# Options of these that stand before the word that counts and take a value.
_VALUED = _words(
    "-C -c -f -p -F -j --prefix --manifest-path --dir --cwd --filter --workspace --project-dir -x"
)
# Of Gradle and Maven: `testDebugUnitTest`, `connectedAndroidTest`; `assembleRelease`.
_TEST_GOAL = re.compile(r"(?:test|check)(?:[A-Z]\w*)?|[a-z]\w*Test")
_BUILD_GOAL = re.compile(r"(?:assemble|build|bundle|compile|jar|war|publish)(?:[A-Z]\w*)?")
_GRADLE = frozenset(("gradle", "gradlew"))
_UNTESTED = re.compile(r"-D(?:skipTests|maven\.test\.skip)(?:=true)?")
# Package managers that run a package's program by its bare name.
_LAUNCHERS = frozenset(("yarn", "pnpm", "bun"))
_INTERPRETERS = frozenset(("node", "php", "ruby"))

# Runner whose output a command prints, by the program or `program word`.
_SPEAKS = {
    "pytest": "pytest",
    "py.test": "pytest",
    "unittest": "unittest",
    "manage.py test": "unittest",
    "django-admin test": "unittest",
    "jest": "jest",
    "react-scripts test": "jest",
    "vitest": "vitest",
    "go test": "go",
    "cargo test": "cargo",
    "cargo t": "cargo",
    "cargo nextest": "nextest",
}
_TESTERS, _BUILDERS = _words(_ALWAYS["test"]), _words(_ALWAYS["build"])
# Programs that show what others wrote: test results in their output are not theirs.
_READERS = _words(
    "cat tail head less more grep egrep rg ag sed awk find ls echo printf diff git gh curl wget jq"
    " cut sort tee wc cd bat xxd strings hg svn"
)
_QUIET = _words(
    "cd export set source . pushd popd echo printf true : sleep mkdir touch unset ulimit umask"
    " trap shopt alias wait"
)


def kind_of(command: Command) -> str:
    """The kind of one simple command."""
    if any(word in _ASKING for word in command.arguments):
        return "vcs" if command.program in _ALWAYS["vcs"].split() else "other"
    name, arguments = _launched(command)
    word = _first_word(arguments)
    if name in _RUN and word in ("run", "run-script", "task", "x"):
        script = _first_word(arguments[arguments.index(word) + 1 :])
        if _TEST_SCRIPT.fullmatch(script):
            return "test"
        return "build" if _BUILD_SCRIPT.fullmatch(script) else "other"
    if name in _RUN and _TEST_SCRIPT.fullmatch(word):
        return "test"
    if name == "yarn" and not word:
        return "install"
    words = _goals(name, arguments) if name in _GOALS else [word]
    if name in _GRADLE or name in ("mvn", "mvnw"):
        if any(_TEST_GOAL.fullmatch(each) for each in words):
            return "test"
        if any(_BUILD_GOAL.fullmatch(each) for each in words):
            return "build"
    for kind, names in _BY_WORD.get("pip" if _PIP.fullmatch(name) else name, {}).items():
        if any(each in names.split() for each in words):
            return kind
    if name in SHELLS and _TEST_PROGRAM.fullmatch(re.split(r"[/\\]", word)[-1]):
        return "test"
    if name == "node" and "--test" in arguments:
        return "test"
    if _TEST_FILE.fullmatch(name) or _TEST_PROGRAM.fullmatch(name):
        return "test"
    # `script/test`, `pdm run test`; with arguments `test` may be the shell's own.
    if _TEST_SCRIPT.fullmatch(name) and (name != "test" or not arguments):
        return "test"
    return next((kind for kind, names in _ALWAYS.items() if name in names.split()), "other")


_GOALS = frozenset(("make", "gmake", "mvn", "mvnw", "gradle", "gradlew", "just", "task", "rake"))


def runner_of(command: Command) -> str | None:
    """The runner (of `runners.RUNNERS`) whose output a command prints, when it is known."""
    name, arguments = _launched(command)
    word = _first_word(arguments)
    return _SPEAKS.get(name) or _SPEAKS.get(f"{name} {word}")


def reads_only(command: Command) -> bool:
    """Whether a command only shows or sets up: nothing in its output is its own work."""
    return command.program in _READERS or command.program in _QUIET


def chosen(commands: list[Command]) -> Command | None:
    """The command that a line is about: what tests, else what does a known kind of work."""
    kinds = [(kind_of(each), each) for each in commands]
    for wanted in ("test", "build install vcs"):
        for kind, each in kinds:
            if kind in wanted.split():
                return each
    told = [each for each in commands if each.program not in _QUIET] or commands
    return told[0] if told else None


def _goals(name: str, arguments: tuple[str, ...]) -> list[str]:
    """The goals of make, Maven and Gradle, where every word is one, without their modules.

    What is left out (`gradle build -x test`, `mvn -DskipTests verify`) is none.
    """
    excluded = {arguments[at + 1] for at, word in enumerate(arguments[:-1]) if word == "-x"}
    goals = [word for word in arguments if not word.startswith("-") and word not in excluded]
    found = [goal.split(":")[-1] for goal in goals]
    if any(_UNTESTED.fullmatch(word) for word in arguments):
        return ["package" if goal in ("test", "verify") else goal for goal in found]
    return found


def _launched(command: Command) -> tuple[str, tuple[str, ...]]:
    """`python manage.py test` as `manage.py test`, `yarn jest` as `jest`; others as they are."""
    words = command.arguments
    if command.program == "yarn" and _first_word(words) == "workspace":
        words = words[words.index("workspace") + 2 :]
    if command.program == "npm" and words[:1] == ("-w",):
        words = words[2:]
    word = _first_word(words)
    if command.program in _LAUNCHERS and (word in _TESTERS or word in _BUILDERS):
        return word, words[words.index(word) + 1 :]
    if command.program in _INTERPRETERS and word:
        # `php artisan test`, `node node_modules/jest/bin/jest.js`
        name = re.split(r"[/\\]", word)[-1].removesuffix(".js")
        if name in _TESTERS or name in _BY_WORD:
            return name, words[words.index(word) + 1 :]
    if _PYTHON.fullmatch(command.program):
        for position, word in enumerate(command.arguments):
            if word.endswith(".py"):
                name = re.split(r"[/\\]", word)[-1]
                return name, command.arguments[position + 1 :]
            if not word.startswith("-"):
                break
    return command.program, words


def _first_word(arguments: tuple[str, ...]) -> str:
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if not word.startswith(("-", "+")):
            return word
        position += 2 if word in _VALUED else 1
    return ""
