"""The documents of all benchmarks: JSON of about two kilobytes, different for each number."""

import random
from typing import Any

SIZE = 2048
WORDS = ("context", "agent", "branch", "task", "pattern", "retry", "cache", "merge", "feed")


def document(number: int, size: int = SIZE) -> dict[str, Any]:
    """Nested settings, lists and sentences that fill `size` bytes of JSON, more or less."""
    chance = random.Random(number)

    def sentence(words: int) -> str:
        return " ".join(chance.choice(WORDS) for _ in range(words))

    made: dict[str, Any] = {"id": number, "settings": {}, "lessons": [], "files": {}}
    length = 60
    while length < size:
        key, text = f"{chance.choice(WORDS)}_{length}", sentence(6)
        made["settings"].setdefault(chance.choice(WORDS), {})[key] = text
        made["lessons"].append(sentence(4))
        made["files"][f"src/{key}.py"] = {"added": chance.randrange(99), "by": sentence(1)}
        length += len(key) * 2 + len(text) + 95
    return made
