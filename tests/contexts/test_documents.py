"""JSON on its way in and out: what is refused, the one form of a number, hashes and cuts."""

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from contexts.documents import (
    MAX_INTEGER,
    StoredJSONDecoder,
    canonical,
    capped,
    check_text,
    depth,
    normalize,
    parse,
    revision_of,
)
from contexts.errors import Invalid, MalformedBody
from contexts.merging import same

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(TEXT, JSON, max_size=4)
HISTORIES = st.lists(st.none() | DOCUMENTS, min_size=1, max_size=4)

relaxed = settings(deadline=None)

NUMBERS: list[tuple[str, int | float]] = [
    ("0", 0),
    ("-0", 0),
    ("-0.0", 0),
    ("1.0", 1),
    ("1e2", 100),
    ("1E+2", 100),
    ("100e-2", 1),
    ("1.5", 1.5),
    ("-2.50", -2.5),
    ("9007199254740991", 2**53 - 1),
    ("-9007199254740991", -(2**53 - 1)),
    ("9007199254740991.0", 2**53 - 1),
    ("9007199254740992.0", 2.0**53),
    ("1e308", 1e308),
    ("-1e308", -1e308),
    ("5e-324", 5e-324),
    ("1e-400", 0),
    ("0.1", 0.1),
]


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_a_number_has_one_form(text: str, number: float) -> None:
    for value in (parse(text.encode()), normalize(json.loads(text))):
        assert value == number
        assert type(value) is type(number)
        assert math.copysign(1, value) == math.copysign(1, number)


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740992",
        "-9007199254740992",
        "1" + "0" * 400,
        "1" * 100_000,
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "-Infinity",
    ],
)
def test_a_number_that_is_not_interoperable_is_refused(text: str) -> None:
    for body in (text, f"[{text}]", f'{{"a": {text}}}'):
        with pytest.raises(MalformedBody):
            parse(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b"[1] 2",
        b"01",
        b"+1",
        b".5",
        b"\xff",
        b'"\xed\xa0\x80"',
        b'\xef\xbb\xbf{"a": 1}',
        b'"a\0b"',
        b'"a\\u0000b"',
        b'{"a\\u0000b": 1}',
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b'[{"a": ["\\ud800x"]}]',
        b'"a\nb"',
    ],
)
def test_what_is_no_interoperable_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse(body)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("closed", [True, False])
def test_absurd_nesting_is_refused_and_crashes_nothing(opening: bytes, closed: bool) -> None:
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"a":': b"}]"}[opening]
    body = opening * 100_000 + b"1" + (closing * 100_000 if closed else b"")
    with pytest.raises(MalformedBody):
        parse(body)


@pytest.mark.parametrize(
    ("value", "levels"),
    [
        (1, 0),
        ("a", 0),
        ({}, 1),
        ([], 1),
        ({"a": []}, 2),
        ([1, [2, [3]]], 3),
        ({"a": {}, "b": 1}, 2),
    ],
)
def test_depth(value: Any, levels: int) -> None:
    assert depth(value) == levels


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("value", ["a\0", {"\0": 1}, ["\ud800"], {"a": [{"b": "\udfff"}]}])
def test_check_text_finds_it_at_any_depth(value: Any) -> None:
    with pytest.raises(MalformedBody):
        check_text(value)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 2**53, -(2**53), {1, 2}, b"a", object(), {"a": [2**60]}],
)
def test_what_json_cannot_hold_is_invalid(value: Any) -> None:
    with pytest.raises(Invalid):
        normalize(value)


@relaxed
@given(JSON)
def test_normalizing_keeps_values_and_settles(value: Any) -> None:
    once = normalize(value)
    assert same(once, value)
    assert canonical(normalize(once)) == canonical(once)
    assert repr(normalize(once)) == repr(once)


@relaxed
@given(JSON)
def test_a_body_and_a_stored_value_read_alike(value: Any) -> None:
    normal = normalize(value)
    assert repr(parse(json.dumps(normal).encode())) == repr(normal)
    assert repr(json.loads(json.dumps(value), cls=StoredJSONDecoder)) == repr(normal)


def jsonb(number: float) -> str:
    """How PostgreSQL's numeric writes a double: every digit, no exponent."""
    return f"{number:.0f}"


@pytest.mark.parametrize("number", [1e308, -1e308, 1.7976931348623157e308, 2.0**53, 2.0**63, 1e20])
def test_a_column_gives_back_the_double_it_was_given(number: float) -> None:
    value = json.loads(f'{{"a": {jsonb(number)}}}', cls=StoredJSONDecoder)
    assert value == {"a": number}
    assert type(value["a"]) is float


def test_a_column_may_hold_309_digits() -> None:
    digits = "1" + "0" * 308
    assert len(digits) == 309
    assert json.loads(digits, cls=StoredJSONDecoder) == 1e308


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_a_column_reads_numbers_as_a_body_does(text: str, number: float) -> None:
    value = json.loads(text, cls=StoredJSONDecoder)
    assert value == number
    assert type(value) is type(number)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1.5, True, None]}, '{"a":[1.5,true,null],"b":1}'),
        ({"é": "\n"}, '{"é":"\\n"}'),
        ([1e21, 1e-7, 100], "[1e+21,1e-7,100]"),
    ],
)
def test_canonical_json(value: Any, text: str) -> None:
    assert canonical(value) == text.encode()


ANY_TEXT = st.text(max_size=6) | st.sampled_from(["\ue000", "\U0001f600", "\ud7ff", "\x7f", "\x1f"])


@relaxed
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | ANY_TEXT
        | st.text(st.characters(categories=["Cc", "Po"])),
        lambda inner: (
            st.lists(inner) | st.dictionaries(ANY_TEXT, inner) | st.tuples(inner, st.integers())
        ),
    )
)
def test_canonical_json_is_the_librarys(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        with pytest.raises(type(error)):
            canonical(value)
    else:
        assert canonical(value) == expected


def revisions(history: list[Any]) -> list[str]:
    found = [""]
    for version, document in enumerate(history, 1):
        found.append(revision_of(version, found[-1], document))
    return found[1:]


@relaxed
@given(HISTORIES, HISTORIES)
def test_revisions_are_equal_exactly_for_equal_histories(one: list[Any], other: list[Any]) -> None:
    one, other = [[normalize(document) for document in history] for history in (one, other)]
    again = [None if item is None else dict(reversed(item.items())) for item in one]
    assert revisions(one) == revisions(again)
    assert (revisions(one)[-1] == revisions(other)[-1]) is same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([{}], [None]),
        ([{"a": 1}], [{"a": True}]),
        ([{"a": None}], [{}]),
        ([{"a": 1}, {}], [{}]),
        ([{"a": 1}, {"b": 1}], [{"a": 2}, {"b": 1}]),
        ([{}, None, {}], [{}]),
    ],
)
def test_different_histories_have_different_revisions(one: list[Any], other: list[Any]) -> None:
    assert revisions(one)[-1] != revisions(other)[-1]


def test_a_revision_names_its_version() -> None:
    number, _, digest = revision_of(7, "6-x", {"a": 1}).partition("-")
    assert number == "7"
    assert len(digest) == 32


def encoded(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


@settings(deadline=None, max_examples=300)
@given(
    JSON
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.text('"\\\n\x01é😀', max_size=400),
    st.integers(75, 400),
)
def test_what_is_capped_stays_within_the_limit(value: Any, limit: int) -> None:
    kept = capped(value, limit)
    assert encoded(kept) <= limit
    if encoded(value) <= limit:
        assert kept is value
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        assert kept["truncated"] is True
        assert kept["bytes"] == len(text.encode())
        assert text.startswith(kept["preview"])


@pytest.mark.parametrize("text", ["a" * 10_000, '"' * 10_000, "\x01" * 10_000, "😀" * 10_000])
def test_a_preview_uses_the_room_there_is(text: str) -> None:
    kept = capped(text, 1_000)
    assert kept["bytes"] == len(text.encode())
    assert 990 < encoded(kept) <= 1_000
