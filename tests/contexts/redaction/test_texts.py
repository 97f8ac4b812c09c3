"""Secrets in texts: known by their shape or by what stands before them."""

import pytest

from contexts.redaction import redact
from tests.contexts.redaction.samples import HARMLESS, SHAPES, SURROUNDINGS, TEXTS


@pytest.mark.parametrize(("kind", "secret"), SHAPES)
@pytest.mark.parametrize("around", SURROUNDINGS)
def test_a_secret_is_known_by_its_shape(kind: str, secret: str, around: str) -> None:
    assert redact(around.format(secret)) == around.format(f"[redacted:{kind}]")


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_a_secret_is_known_by_what_stands_before_it(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact([{"a": text}]) == [{"a": expected}]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redact(text) is text
    value = {"a": [text], "count": 1}
    assert redact(value) is value


@pytest.mark.parametrize("prefix", ["", "+", " ", "    12\t"])
def test_a_private_key_is_found_over_the_lines_of_a_list(prefix: str) -> None:
    body = ["M7wGQnzNT9A10hRf98r0NBLMXFmMrTlBbHlgzjkKmKchOzUxQx9z8GZrCm8GHGz" for _ in range(3)]
    name = "PRIVATE" + " KEY-----"
    key = [f"-----BEGIN {name}", *body, f"-----END {name}"]
    lines = ["-old", *(prefix + line for line in key), "+new"]
    for value in (lines, {"lines": lines}, {"patch": [{"lines": lines}]}):
        clean = redact(value)
        assert "M7wGQ" not in str(clean)
        assert "-old" in str(clean)
        assert "+new" in str(clean)
        assert redact(clean) == clean


def test_beside_a_private_key_the_items_of_a_list_stay_what_they_are() -> None:
    name = "PRIVATE" + " KEY-----"
    body = "M7wGQnzNT9A10hRf98r0NBLMXFmMrTlBbHlgzjkKmKchOzUxQx9z8GZrCm8GHGz"
    key = [f"-----BEGIN {name}", body, f"-----END {name}"]
    beside = ["two\nlines", 5, None, {"a": ["b\nc"]}]
    hidden = "[redacted:private_key]"
    assert redact(["\n".join(key), *beside]) == [hidden, *beside]
    assert redact([*beside, *key, *beside]) == [*beside, hidden, *beside]
