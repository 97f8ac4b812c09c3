"""Many words, long ones and the largest documents."""

import random
from collections.abc import Callable

import pytest

from contexts import services
from contexts.access import Caller
from contexts.errors import Invalid
from contexts.levels import TASK
from contexts.models import Context
from tests.contexts.search.finding import find, make, note, replace


def test_up_to_32_words_are_taken(make_task: Callable[..., Context]) -> None:
    words = [f"w{number}" for number in range(33)]
    make_task("t1", {"text": " ".join(words)})
    assert find(" ".join(words[:32])) == ["t1"]
    assert find(" ".join(words[:32] * 3)) == ["t1"]
    for text in (" ".join(words), "a " * 10_000):
        with pytest.raises(Invalid):
            find(text)


def test_a_word_of_255_characters_is_found_and_a_longer_one_never(
    make_task: Callable[..., Context],
) -> None:
    make_task("t1", {"text": "ü" * 255 + " " + "x" * 256 + " " + "y" * 5000})
    assert find("Ü" * 255) == ["t1"]
    assert find("x" * 256) == []
    assert find("x" * 255) == []
    assert find("y" * 5000) == []
    assert find("ü" * 255 + " " + "x" * 256) == []


def distinct_words(size: int, alphabet: str, length: int) -> str:
    chosen = random.Random(7)
    words = {"".join(chosen.choices(alphabet, k=length)) for _ in range(size // (length + 1))}
    return " ".join(sorted(words))


LARGE = {
    "short words": distinct_words(950_000, "abcdefghijklmnopqrstuvwxyz0123456789", 5),
    "pairs": " ".join(chr(a) + chr(b) for a in range(97, 123) for b in range(97, 123)) * 400,
    "CJK": distinct_words(230_000, "".join(map(chr, range(0x4E00, 0x9FA0))), 3),
    "beyond the BMP": distinct_words(190_000, "".join(map(chr, range(0x20000, 0x2A000))), 2),
    "growing": distinct_words(450_000, "ȺȾabcdefgh", 9),
    "long words": distinct_words(900_000, "abcdef", 255),
    "too long words": distinct_words(900_000, "abcdef", 4000),
    "one word": "x" * 900_000,
    "escapes": '"\\\n\t\x01' * 70_000,
    "repeated": "tick " * 180_000,
}


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_documents_are_kept_and_found_by_their_last_word(
    owner: Caller, name: str
) -> None:
    make(owner, "t1", {"a": LARGE[name] + " needle"})
    assert find("needle") == ["t1"]
    replace(owner, "t1", {"a": LARGE[name] + " needle", "b": "other"})
    assert find("needle other") == ["t1"]
    replace(owner, "t1", {"b": "other"})
    assert find("needle") == []
    note(owner, "t1", LARGE[name] + " pin", {"output": LARGE[name]})
    assert find("pin other") == ["t1"]
    services.delete(owner, TASK, "t1")
    assert find("other") == []
