"""What holds for redaction whatever it is given, and that it comes to an end in time."""

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contexts.redaction import redact
from contexts.redaction.blocks import lines_with
from tests.contexts.redaction.samples import BEGIN, HARMLESS, PASSWORD, SHAPES, TEXTS

# Pieces of secrets, labels and quotes in any order: where two rules might undo each other.
PIECES = st.sampled_from(
    [
        *(secret for _, secret in SHAPES),
        *(text for text, _ in TEXTS),
        *HARMLESS,
        *("password", "token", "api_key", "secret", "Authorization", "Bearer ", "Basic ", "://u:"),
        *(" ", "=", ": ", ":", "==", "=>", '"', "'", '\\"', "`", '"""', "\\", "\\n", "\n", ","),
        *("@", "(", ")", "[", "]", "{", "}", "<", ">", "$", "${", "%", "--", "-----", "/"),
        *("[redacted:password]", "[redacted:", "redacted:jwt]", "x", "hunter2", "eyJ", "sk-"),
        *(".", "_", "-", "5", "curl -u ", "mysql -p", "Cookie: ", "sid=", ";", "; "),
        *("password to ", "name: ", "value: ", "identified by ", "_auth=", "?sig=", "credentials"),
    ]
)  # fmt: skip
MESSES = st.lists(PIECES, max_size=10).map("".join)
JSON = st.recursive(
    MESSES | st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["password", "api_key", "token", "Authorization", "a", "PWD"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=1_000)
@given(JSON)
def test_redacting_twice_changes_nothing_more_and_alters_no_input(value: Any) -> None:
    before = copy.deepcopy(value)
    once = redact(value)
    assert value == before
    assert redact(once) == once


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(SHAPES), MESSES, MESSES)
def test_no_surroundings_bring_a_secret_through(
    sample: tuple[str, str], before: str, after: str
) -> None:
    secret = f" {sample[1]} "
    assert secret not in redact(before + secret + after)


@settings(deadline=None)
@given(st.text())
def test_a_password_in_an_entry_never_stays(text: str) -> None:
    value = "hunter2" + text
    # What could be a call or a look-up in code is none.
    assume(not value.endswith((")", "]")))
    assert redact({"password": value}) == {"password": PASSWORD}


HOSTILE = [
    BEGIN.format("") * 10_000,
    "-----BEGIN " + "A" * 300_000 + "PRIVATE KEY",
    "password=" * 30_000,
    "token:$" * 40_000,
    'token="' * 40_000,
    'token=\'"""' * 30_000,
    'password:\\"' * 30_000,
    'token="' + "\\" * 300_000,
    "token" + " " * 300_000,
    "token: a = " * 30_000,
    'token="f(' * 30_000,
    "--token " * 30_000,
    "eyJ-" * 80_000,
    "eyJaaaaaa." * 30_000,
    "://a:" * 60_000,
    "://" * 100_000,
    "ctx_" * 80_000,
    "Authorization: Bearer " * 15_000,
    "-" * 300_000 + " password",
    "a1B2" * 80_000,
    "".join(f"token={backslashes * chr(92)}'" for backslashes in range(700)),
    "token='token=\"token=`" * 12_000,
    "curl " + "-u a:" * 60_000,
    "curl -u " * 40_000,
    "mysql " + "-p" * 150_000,
    "mysql " * 50_000 + "-pa",
    "Cookie: a=" + ";b" * 150_000,
    "cookie:" * 40_000,
    "Cookie: a=b" * 30_000,
    "name: " + "a" * 300_000,
    "name: password\nvalue" * 15_000,
    "name:password" + " " * 300_000,
    "login " * 50_000,
    "login a password " * 20_000,
    "password '" * 30_000,
    "identified by " * 20_000,
    "htpasswd -b a " * 20_000,
    "?sig=" * 60_000,
    ":AA" * 100_000,
    "dp.pt." * 50_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].strip())
def test_hostile_texts_end(text: str) -> None:
    redacted = redact(text)
    assert redact(redacted) == redacted


def test_a_large_document_without_secrets_comes_back_itself() -> None:
    document = {
        f"module {n}": {"title": f"what it does {n}", "files": [f"src/a{n}.py"], "lines": n}
        for n in range(14_000)
    }
    assert len(json.dumps(document)) > 2**20
    assert redact(document) is document


LINES = st.sampled_from(
    [
        *("password", "API_KEY", "token", "secret", "--token", "authorization", "bearer", "value"),
        *(
            "=",
            ": ",
            "==",
            " => ",
            ' = "',
            "='",
            '"',
            "'",
            "\\",
            "\\n",
            "\\\\",
            '"""',
            "\n",
            "\r\n",
        ),
        *("hunter2x", "ghp_", "a1b2c3d4e5f6", "${X}", "none", "(x)", "[0]", " ", "\t", "\u2028"),
        *("Basic ", "Zm9vOmJhcg==", "\u0130", "\x0b", ",", ";", "# "),
    ]
)


@given(st.lists(LINES, max_size=40).map("".join))
@settings(max_examples=400)
def test_looking_at_the_lines_that_may_hold_one_finds_what_a_look_at_all_finds(text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("contexts.redaction.lines_with", lambda text, words: [(0, len(text))])
        all_of_it = redact(text)
    assert redact(text) == all_of_it


def test_lines_with_words_are_found_in_order_and_once() -> None:
    text = "a key\nnothing\nTOKEN and key\n\nlast token"
    found = lines_with(text, ("key", "token"))
    assert [text[start:end] for start, end in found] == ["a key\n", "TOKEN and key\n", "last token"]
    assert lines_with("\u0130 key\nb", ("key",)) == [(0, 7)]
    assert lines_with("nothing", ("key",)) == []
