"""`command`: what ran behind whatever wraps it, how it ended, what git did."""

from typing import Any

import pytest

from contexts.extraction.commands import command
from tests.contexts.extraction.printed import printed


@pytest.mark.parametrize(
    ("line", "program", "kind"),
    [
        ("pytest", "pytest", "test"),
        ("cd x && pytest -q", "pytest", "test"),
        (".venv/bin/pytest -n 0 2>&1 | tail -5", "pytest", "test"),
        ("python -m pytest tests/test_math_utils.py -v", "pytest", "test"),
        ("python3.11 -W error -m unittest -v", "unittest", "test"),
        ("FOO=1 BAR='a b' sudo -u me time python -m pytest", "pytest", "test"),
        ("env -u X A=b pytest", "pytest", "test"),
        ("timeout -k 5 60s nice -n 10 pytest", "pytest", "test"),
        ("uv run --with x pytest", "pytest", "test"),
        ("uv run python -m pytest", "pytest", "test"),
        ("poetry run pytest", "pytest", "test"),
        ("docker compose -f x.yml exec -T web pytest -q", "pytest", "test"),
        ("docker run --rm -v .:/app image sh -c 'cd app; npm test'", "npm", "test"),
        ("docker run -d postgres -c fsync=off", "docker", "other"),
        ("bash scripts/run_tests.sh", "bash", "test"),
        ("turbo run test", "turbo", "test"),
        ("npx -y jest --ci", "jest", "test"),
        ("pnpm exec vitest run", "vitest", "test"),
        ("coverage run --source src -m pytest && coverage report", "pytest", "test"),
        ("bash -c 'cd a; npm run test:unit'", "npm", "test"),
        ("bash -lc \"sh -c 'pytest'\"", "pytest", "test"),
        ("for i in 1 2; do pytest $i; done", "pytest", "test"),
        ("if ! pytest; then exit 1; fi", "pytest", "test"),
        ("(cd sub && cargo test)", "cargo", "test"),
        ("cargo +nightly test --all", "cargo", "test"),
        ("go test ./...", "go", "test"),
        ("npm t", "npm", "test"),
        ("yarn test", "yarn", "test"),
        ("make -j 4 test", "make", "test"),
        ("mvn -q clean verify", "mvn", "test"),
        ("./gradlew :app:test", "gradlew", "test"),
        ("python manage.py test shop", "python", "test"),
        ("PYTHONPATH=. python tests/test_x.py", "python", "test"),
        ("node --test", "node", "test"),
        ("git pull && npm ci && npm test", "npm", "test"),
        ("make", "make", "build"),
        ("cargo build --release", "cargo", "build"),
        ("npm run build", "npm", "build"),
        ("tsc --noEmit", "tsc", "build"),
        ("docker build -t x .", "docker", "build"),
        ("python -m build", "build", "build"),
        ("pip install pytest", "pip", "install"),
        ("python -m pip install -e '.[test]'", "pip", "install"),
        ("uv pip install x", "uv", "install"),
        ("npm ci", "npm", "install"),
        ("yarn", "yarn", "install"),
        ("sudo apt-get install -y golang", "apt-get", "install"),
        ("go get example.com/x", "go", "install"),
        ("git status", "git", "vcs"),
        ("git -C repo log --oneline", "git", "vcs"),
        ("gh pr create --fill", "gh", "vcs"),
        ("echo done; git diff", "git", "vcs"),
        ("ls -la", "ls", "other"),
        ("chmod +x hello.sh && ./hello.sh", "chmod", "other"),
        ("grep -rn pytest .", "grep", "other"),
        ("which pytest", "which", "other"),
        ("pytest --version", "pytest", "other"),
        ("python -c 'import pytest'", "python", "other"),
        ("uvx ruff check", "ruff", "other"),
        ("npm run lint", "npm", "other"),
        ("# pytest\nls # pytest", "ls", "other"),
        ("cat <<'EOF' > run.py\nimport x; pytest\nEOF\npython run.py", "cat", "other"),
        ("pytest -k 'nobody closes this", "pytest", "test"),
        ("a=1", "", "other"),
        ("", "", "other"),
        (" \n\t ", "", "other"),
        (";;&&||", "", "other"),
        ("sudo", "sudo", "other"),
        ("bash -c", "bash", "other"),
        # A version behind a package's name, a package manager in front of its program.
        ("npx -y jest@29 --ci", "jest", "test"),
        ("uvx pytest==8.4 -q", "pytest", "test"),
        ("yarn jest --ci", "yarn", "test"),
        ("yarn workspace web vitest", "yarn", "test"),
        ("pnpm --filter web test", "pnpm", "test"),
        ("npm -w web run test", "npm", "test"),
        ("yarn tsc", "yarn", "build"),
        ("./gradlew :app:testDebugUnitTest", "gradlew", "test"),
        ("./gradlew assembleRelease", "gradlew", "build"),
        ("gradle build -x test", "gradle", "build"),
        ("mvn -DskipTests verify", "mvn", "build"),
        ("ls tests/*.py | xargs -n 1 pytest", "pytest", "test"),
        ("CI=1 ./run_tests.sh --fast", "run_tests.sh", "test"),
        ("node --experimental-vm-modules node_modules/jest/bin/jest.js -i", "node", "test"),
        ("php artisan test", "php", "test"),
        ("pdm run test", "test", "test"),
        ("hatch run test:cov -q", "test:cov", "test"),
        ("script/test", "test", "test"),
        ("bin/run-tests -v", "run-tests", "test"),
        ("test -f setup.py", "test", "other"),
        ("test -f x && ls", "test", "other"),
        ("php vendor/bin/phpunit --filter a", "php", "test"),
        ("php artisan migrate", "php", "other"),
        ("node server.js", "node", "other"),
        (r".\venv\Scripts\python.exe -m pytest -q", "pytest", "test"),
        (r"C:\shop\venv\Scripts\pytest.exe", "pytest", "test"),
        (r"grep -rn a\|b src", "grep", "other"),
    ],
)
def test_program_and_kind(line: str, program: str, kind: str) -> None:
    extracted = command({"command": line, "exit_code": 0})
    assert (extracted["program"], extracted["kind"]) == (program, kind)


@pytest.mark.parametrize(
    ("data", "exit_code", "tail"),
    [
        ({"exit_code": 0, "output": "a\nb\n"}, 0, "a\nb"),
        ({"exit_code": 127, "output": ""}, 127, ""),
        ({"exit_code": -9}, -9, ""),
        ({"exit_code": 2.0}, 2, ""),
        ({"exit_code": True}, None, ""),
        ({"exit_code": "1"}, None, ""),
        ({"exit_code": None}, None, ""),
        ({}, None, ""),
        ({"output": ["x"]}, None, ""),
        ({"stdout": "out", "stderr": "err", "exit_code": 1}, 1, "out\nerr"),
        # As a hook's error has it.
        ({"output": "Exit code 2\nno such file"}, 2, "no such file"),
        ({"output": "Error: Exit code 1\nOn branch master"}, 1, "On branch master"),
        ({"output": "Exit code 1"}, 1, ""),
        ({"output": "it said Exit code 1\n"}, None, "it said Exit code 1"),
        ({"output": "\x1b[31mred\x1b[0m\r\nnext\r", "exit_code": 0}, 0, "red\nnext"),
        ({"output": "\n".join(map(str, range(1, 101)))}, None, "\n".join(map(str, range(81, 101)))),
    ],
)
def test_exit_code_and_last_lines(data: dict[str, Any], exit_code: int | None, tail: str) -> None:
    extracted = command({"command": "x", **data})
    assert extracted["exit_code"] == exit_code
    assert extracted["output_tail"] == tail
    assert set(extracted) == {"program", "command", "exit_code", "output_tail", "kind"}


def test_duration_and_folder_are_kept_when_given() -> None:
    extracted = command({"command": "ls", "duration_ms": 12, "cwd": "/srv/shop"})
    assert (extracted["duration_ms"], extracted["cwd"]) == (12, "/srv/shop")


def test_a_duration_is_a_number_and_a_folder_a_text_or_they_are_not_kept() -> None:
    extracted = command({"command": "ls", "duration_ms": "12", "cwd": 5})
    assert not {"duration_ms", "cwd"} & extracted.keys()


def test_a_command_may_come_as_its_words() -> None:
    extracted = command({"command": ["bash", "-lc", "pytest -k 'a b'"], "exit_code": 0})
    assert (extracted["program"], extracted["kind"]) == ("pytest", "test")
    assert extracted["command"] == """bash -lc 'pytest -k '"'"'a b'"'"''"""


def test_what_is_kept_is_bounded() -> None:
    extracted = command({"command": "echo " + "x" * 10**6, "output": "y" * 10**6})
    assert len(extracted["command"]) == 2_000
    assert extracted["output_tail"] == "y" * 499 + "…"
    assert extracted["program"] == "echo"
    lines = command({"command": "x", "output": ("z" * 400 + "\n") * 1_000})["output_tail"]
    assert len(lines) == 2_000
    assert lines[0] == "…"


@pytest.mark.parametrize(
    ("line", "output", "passed", "failed"),
    [
        ("pytest", "pytest-mixed.txt", 4, 7),
        ("cd x && python -m unittest", "unittest-mixed.txt", 2, 3),
        ("npm test", "jest-mixed.txt", 2, 4),
        ("npx vitest run", "vitest-mixed.txt", 2, 4),
        ("go test -v ./...", "go-mixed-verbose.txt", 5, 3),
        ("cargo test", "cargo-mixed.txt", 1, 4),
        ("make test", "cargo-mixed.txt", 1, 4),
        # What the name does not tell, the output may.
        ("./check.sh", "pytest-mixed.txt", 4, 7),
        ("docker compose run --rm app pytest", "pytest-mixed.txt", 4, 7),
    ],
)
def test_a_command_that_ran_tests(line: str, output: str, passed: int, failed: int) -> None:
    extracted = command({"command": line, "exit_code": 1, "output": printed(output)})
    assert extracted["kind"] == "test"
    results = extracted["test_results"]
    assert (results["passed"], results["failed"]) == (passed, failed)
    assert extracted["failures"]


def test_tests_that_nobody_can_read_are_unknown() -> None:
    extracted = command({"command": "rspec", "exit_code": 1, "output": "12 examples, 1 failure"})
    assert set(extracted["test_results"].values()) == {None}
    assert extracted["failures"] == []


@pytest.mark.parametrize("line", ["cat log.txt", "tail -50 x | grep y", "git show", "cd x; less y"])
def test_results_that_are_only_shown_are_nobody_s_run(line: str) -> None:
    extracted = command({"command": line, "exit_code": 0, "output": printed("pytest-ok.txt")})
    assert "test_results" not in extracted


def test_two_runners_in_one_line_add_up() -> None:
    output = printed("pytest-ok.txt") + printed("jest-ok.txt")
    extracted = command({"command": "pytest && npx jest", "exit_code": 0, "output": output})
    assert extracted["test_results"]["passed"] == 5


HEREDOC = 'git add -A && git commit -m "$(cat <<\'EOF\'\nIt\'s "done" & <more>; git push\nEOF\n)"'
PUSHED = "To github.com:o/r.git\n   1a2b3c4..5d6e7f8  main -> main\n"
NEW = "To github.com:o/r.git\n * [new branch]      topic -> topic\n"


@pytest.mark.parametrize(
    ("line", "exit_code", "output", "expected"),
    [
        (HEREDOC, 0, "[master 6322cf4] Add it\n 2 files changed", [
            {"operation": "commit", "branch": "master", "sha": "6322cf4"}]),
        ("git commit -m x", 0, "[main (root-commit) 0a1b2c3] x", [
            {"operation": "commit", "branch": "main", "sha": "0a1b2c3"}]),
        ("git commit -m x", 0, "[detached HEAD 0a1b2c3] x", [
            {"operation": "commit", "sha": "0a1b2c3"}]),
        ("git commit -qm x", 0, "", [{"operation": "commit"}]),
        ("git commit -m x", 1, "nothing to commit, working tree clean", None),
        ("git commit -m x || true", 0, "nothing to commit, working tree clean", None),
        ("git commit -m x; true", 0, 'no changes added to commit (use "git add")', None),
        ("git commit --dry-run", 0, "", None),
        ("git commit -m x && git push", 1, "[main 0a1b2c3] x\n ! [rejected] main -> main", [
            {"operation": "commit", "branch": "main", "sha": "0a1b2c3"}]),
        ("git -c a=b -C repo push -u origin topic", 0, NEW, [
            {"operation": "push", "remote": "origin", "branch": "topic"}]),
        ("git push", 0, PUSHED, [{"operation": "push", "branch": "main", "sha": "5d6e7f8"}]),
        ("git push origin HEAD:refs/heads/main", 0, "", [
            {"operation": "push", "remote": "origin", "branch": "main"}]),
        ("git push --dry-run", 0, PUSHED, None),
        ("git checkout -b feature/x origin/main", 0, "Switched to a new branch 'feature/x'", [
            {"operation": "branch", "branch": "feature/x"}]),
        ("git switch -c y", 0, "", [{"operation": "branch", "branch": "y"}]),
        ("git checkout -btopic", 0, "", [{"operation": "branch", "branch": "topic"}]),
        ("git switch --create=topic main", 0, "", [{"operation": "branch", "branch": "topic"}]),
        ("git switch -c y", 128, "fatal: a branch named 'y' already exists", None),
        ("git checkout main", 0, "Switched to branch 'main'", None),
        ("git status", 0, "", None),
        ("echo git commit", 0, "[main 0a1b2c3] x", None),
    ],
)  # fmt: skip
def test_git(line: str, exit_code: int, output: str, expected: list[dict[str, str]] | None) -> None:
    extracted = command({"command": line, "exit_code": exit_code, "output": output})
    assert extracted.get("git") == expected


def test_what_the_agent_says_of_git_is_joined_with_what_the_command_says() -> None:
    told = {
        "commit": {"sha": "0a1b2c3d4e5f", "kind": "committed", "branch": "main"},
        "branch": {"ref": "topic", "action": "created"},
        "push": {"branch": "topic"},
        "pr": {"number": 7, "action": "created"},
        "else": {"x": 1},
    }
    extracted = command(
        {"command": "git commit -qm x && ./publish", "exit_code": 0, "git_operation": told}
    )
    assert extracted["git"] == [
        {"operation": "commit", "sha": "0a1b2c3d4e5f", "kind": "committed", "branch": "main"},
        {"operation": "push", "branch": "topic"},
        {"operation": "branch", "branch": "topic", "action": "created"},
        {"operation": "pr", "number": 7, "action": "created"},
    ]
