"""The rules that come with the product, and those a user adds."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from contexts.extraction import patterns, trees
from contexts.extraction.edits import file_edit
from contexts.extraction.patterns import Rule, Rules, RulesError, load, shipped

CASES = [
    pytest.param(rule, language, text, found, id=f"{rule.id}-{language}-{found}-{number}")
    for rule in shipped().rules
    for language in rule.languages
    for found, examples in ((True, rule.found), (False, rule.not_found))
    for number, text in enumerate(examples)
]
LANGUAGES = {
    *("python", "typescript", "tsx", "javascript", "go", "rust", "java", "ruby", "csharp", "php")
}
RULE = """
[[rule]]
id = "mine"
language = "python"
name = "shouting"
means = "A function named in capitals."
rule = { kind = "function_definition", has = { field = "name", regex = "^[A-Z]+$" } }
"""


@pytest.mark.parametrize(("rule", "language", "text", "found"), CASES)
def test_a_rule_finds_what_it_means_and_not_what_looks_alike(
    rule: Rule, language: str, text: str, found: bool
) -> None:
    assert bool(Rules((rule,)).find(language, text)) is found


def test_every_rule_has_both_kinds_of_examples_and_says_what_it_means() -> None:
    rules = shipped().rules
    assert len(rules) >= 40
    for rule in rules:
        assert rule.found, rule.id
        assert rule.not_found, rule.id
        assert rule.means.endswith("."), rule.id


def test_every_promised_language_has_rules_of_several_names() -> None:
    names = defaultdict(set)
    for rule in shipped().rules:
        for language in rule.languages:
            names[language].add(rule.name)
    assert {language for language, found in names.items() if len(found) >= 10} >= LANGUAGES


def test_one_name_has_one_phrase() -> None:
    phrases = defaultdict(set)
    for rule in shipped().rules:
        phrases[rule.name].add(rule.phrase)
    assert [name for name, found in phrases.items() if len(found) > 1] == []


def test_a_match_says_where_it_is() -> None:
    (match,) = shipped().find("python", "import x\n\n\n@dataclass\nclass A:\n    a: int\n")
    assert (match.name, match.first, match.last) == ("dataclass", 3, 3)


def test_errors_in_a_text_hide_only_themselves() -> None:
    broken = "def f(:\n    pass\n\n\n@dataclass\nclass A:\n    x: int\n\n\nif (\n"
    assert {match.name for match in shipped().find("python", broken)} == {"dataclass"}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("cobol", "MOVE A TO B."),
        ("", "@dataclass"),
        ("python", "@dataclass\nclass A:\n    x = '\ud800'\n"),
        ("python", "@dataclass\nclass A:\n    x: int\n" + "#" * trees.LONGEST_TEXT),
        ("python", "@dataclass\nclass A:\n    x = " + "(" * 5000 + ")" * 5000),
    ],
    ids=["unknown", "none", "no text", "too long", "too deep"],
)
def test_what_cannot_be_searched_has_no_patterns(language: str, text: str) -> None:
    assert shipped().find(language, text) == []


def test_pieces_of_code_show_their_patterns() -> None:
    rows = {
        "a.py": "         self.a()\n+        for attempt in range(3):\n+            self.b()\n",
        "a.ts": "       a();\n+      const [x, setX] = useState(0);\n",
        "a.php": " \n+        $v = Cache::remember('a', 60, fn () => 1);\n",
        "a.java": ' \n+    @GetMapping("/users")\n+    List<User> users() {\n',
        "a.go": " \tx := 1\n+\tgo push(x)\n",
    }
    found = {
        path: file_edit({"changes": f"--- a/{path}\n+++ b/{path}\n@@ -9,1 +9,9 @@\n{body}"})
        for path, body in rows.items()
    }
    assert {path: told["patterns_used"] for path, told in found.items()} == {
        "a.py": ["retry"], "a.ts": ["React hook"], "a.php": ["caching"],
        "a.java": ["REST endpoint"], "a.go": ["goroutine"],
    }  # fmt: skip


# A user's own.


def test_a_user_adds_rules_and_replaces_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    replaced = RULE.replace('"mine"', '"python-dataclass"')
    own.write_text(RULE + replaced, encoding="utf-8")
    rules = load([own])
    assert len(rules.rules) == len(shipped().rules) + 1
    text = "def LOUD():\n    pass\n\n\n@dataclass\nclass A:\n    x: int\n"
    assert {match.name for match in rules.find("python", text)} == {"shouting"}
    assert file_edit({"file_paths": ["a.py"], "content": text}, rules)["patterns_used"] == [
        "shouting"
    ]


WRONG = [
    ("", "holds no"),
    ("[[rule]\n", "own.toml"),
    ("rule = 3\n", "holds no"),
    ("rule = [3]\n", "None"),
    (RULE.replace('name = "shouting"', ""), "`name`"),
    (RULE.replace('"A function named in capitals."', "3"), "`means`"),
    (RULE.replace('"python"', '"cobol"'), "`language`"),
    (RULE.replace('"python"', "[]"), "`language`"),
    (RULE.replace('"python"', "[[1]]"), "`language`"),
    (RULE + "phrase = 1\n", "`phrase`"),
    (RULE + "found = [1]\n", "`found`"),
    (RULE.split("rule = {")[0], "`rule`"),
    (RULE.replace("function_definition", "no_such_kind"), "'mine', python"),
    (RULE.replace("^[A-Z]+$", "(("), "'mine', python"),
    (RULE.replace("kind =", "kinds ="), "'mine', python"),
    (RULE + RULE, "two rules"),
]


@pytest.mark.parametrize(("content", "reason"), WRONG, ids=range(len(WRONG)))
def test_a_rule_file_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, content: str, reason: str
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(content, encoding="utf-8")
    with pytest.raises(RulesError) as refused:
        load([own])
    assert reason in str(refused.value)
    assert "own.toml" in str(refused.value)


def test_a_rule_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"none\.toml"):
        load([tmp_path / "none.toml"])


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "own.toml"
    path.write_text(RULE)
    patterns.use(path)
    yield path
    patterns.use(None)


def test_the_readmes_rule_can_be_used(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    (tmp_path / "own.toml").write_text(readme.partition("```toml\n")[2].partition("```")[0])
    assert patterns.mistake_in(tmp_path / "own.toml") == ""
    (rule,) = [each for each in load([tmp_path / "own.toml"]).rules if each.id == "acme-money"]
    assert rule.found


LOUD = {"file_paths": ["a.py"], "content": "def LOUD():\n    pass\n"}


def test_the_file_that_is_named_is_in_use(own: Path) -> None:
    assert file_edit(LOUD)["patterns_used"] == ["shouting"]
    patterns.use(None)
    assert file_edit(LOUD)["patterns_used"] == []


def test_a_file_that_went_wrong_since_the_start_is_left_out_and_the_log_says_so(
    own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own.write_text("[[rule]\n")
    with_one = {**LOUD, "content": "@dataclass\nclass A:\n    x: int\n"}
    assert file_edit(with_one)["patterns_used"] == ["dataclass"]
    assert "own.toml" in caplog.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (RULE + 'found = ["def LOUD():\\n    pass\\n"]\nnot_found = ["def quiet(): pass"]\n', ""),
        (RULE + 'found = ["def quiet(): pass"]\n', "does not find its example 'def quiet(): pass'"),
        (RULE + 'not_found = ["def LOUD(): pass"]\n', "rule 'mine' finds its example"),
        (RULE.replace("kind", "knid"), "own.toml: rule 'mine', python:"),
        (RULE * 2, "two rules have the id 'mine'"),
        (RULE + "# " + "x" * patterns.LARGEST_FILE, "larger than 256 KiB"),
        ("[[rule]]\n" * (patterns.MOST_RULES + 1), "more than 200 rules"),
        (RULE.replace("shouting", "s" * 101), "up to 100 characters"),
        ("\udcff", "own.toml"),
    ],
)
def test_a_start_hears_what_is_wrong_with_a_users_file(
    tmp_path: Path, content: str, reason: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(content.encode(errors="surrogateescape"))
    mistake = patterns.mistake_in(path)
    assert reason in mistake
    assert bool(mistake) is bool(reason)


# Without the extra.


def test_without_the_extra_the_answer_has_the_same_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "@dataclass\nclass A:\n    def f(self):\n        pass\n"
    data = {"changes": "--- /dev/null\n+++ b/a.py\n@@ -0,0 +1,4 @@\n"
            + "".join(f"+{line}\n" for line in text.splitlines())}  # fmt: skip
    with_trees = file_edit(data)
    monkeypatch.setattr(trees, "SgRoot", None)
    assert not trees.installed()
    assert patterns.load().rules == shipped().rules
    assert with_trees["patterns_used"] == ["dataclass"]
    assert file_edit(data) == {**with_trees, "patterns_used": []}
