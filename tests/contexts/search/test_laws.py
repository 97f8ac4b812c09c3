"""A search finds what a naive one finds."""

import json
import re
from collections.abc import Iterable
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings, strategies
from hypothesis.extra.django import TestCase

from contexts import search
from contexts.changes import Author
from contexts.levels import Document
from tests.conftest import make_organization
from tests.contexts.search.finding import find, make, note, replace

WORDS = ("alpha", "Beta", "ÉTÉ", "été", "x1", "42", "тест", "日本", "a", "true")
SEPARATORS = (" ", "-", "_", "/", "\n", '"', "\\", "\\n", "'", ".", "@", "—", "\u00a0", ":", "\x01")
texts = strategies.lists(strategies.sampled_from(WORDS + SEPARATORS), max_size=6).map("".join)
scalars = texts | strategies.booleans() | strategies.integers(-99, 99) | strategies.none()
documents = strategies.dictionaries(
    texts,
    strategies.recursive(
        scalars,
        lambda inner: (
            strategies.lists(inner, max_size=3) | strategies.dictionaries(texts, inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


def strings(value: Any, keys: bool) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ((key, *strings(inner, keys)) if keys else strings(inner, keys))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, keys)
    elif value is not None or keys:
        yield value if isinstance(value, str) else json.dumps(value)


def words_in(texts: Iterable[str]) -> set[str]:
    return {word.lower() for text in texts for word in re.findall(r"[^\W_]+", text)}


class NaiveSearchAgrees(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        make_organization("global")

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(
        strategies.lists(
            strategies.tuples(
                documents, strategies.lists(strategies.tuples(texts, documents), max_size=2)
            ),
            min_size=1,
            max_size=4,
        ),
        strategies.lists(texts, min_size=1, max_size=5),
        strategies.sampled_from([1, 2, search.ENOUGH]),
    )
    def test_the_same_contexts_are_found(
        self,
        written: list[tuple[Document, list[tuple[str, Document]]]],
        asked: list[str],
        enough: int,
    ) -> None:
        # Bounds do not change what is found.
        with mock.patch.object(search, "ENOUGH", enough):
            self.find_all(written, asked)

    def find_all(
        self, written: list[tuple[Document, list[tuple[str, Document]]]], asked: list[str]
    ) -> None:
        author = Author("global", "owner")
        expected: dict[str, set[str]] = {}
        for number, (data, notes) in enumerate(written):
            name = f"t{number}"
            make(author, name, {"first": "draft"})
            replace(author, name, data)
            expected[name] = words_in(strings(data, keys=True))
            for content, details in notes:
                note(author, name, content, details)
                expected[name] |= words_in([content, *strings(details, keys=False)])
        for text in (*asked, *WORDS):
            wanted = words_in([text])
            matching = {name for name in expected if wanted and wanted <= expected[name]}
            assert set(find(text)) == matching, text
