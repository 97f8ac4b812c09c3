"""How pytest writes the names of tests: in its short summary, and over its reports."""

import re
from dataclasses import dataclass

STARTS = ("FAILED ", "ERROR ", "SUBFAIL")
_LINE = re.compile(r"(?:FAILED|ERROR) (\S+(?:\.py|::).*)")
# `SUBFAILED[message] (i=0) test_a.py::test_b - …`
_PART = re.compile(r"SUBFAIL(?:ED)?(.{0,300}?) (\S+(?:\.py|::).*)")
_ABOUT = re.compile(r"(?:ERROR (?:at \w+ of|collecting)|\[doctest\]) (.+)")
_MOST_OPTIONS = 10


@dataclass(frozen=True)
class Told:
    """A line of the short summary: its text from the test's node on; `part` is a subtest's."""

    text: str
    part: str = ""

    def options(self) -> list[tuple[str, str]]:
        """Node and message, the likeliest first: a parameter may hold what stands between them."""
        dashes = [match.start() for match in re.finditer(" - ", self.text)][:_MOST_OPTIONS]
        found = [(self.text[:dash], self.text[dash + 3 :]) for dash in dashes]
        found.append((self.text, ""))
        likely = _split(self.text)
        return [likely, *(each for each in found if each != likely)]


def told(line: str) -> Told | None:
    """What a line of the short summary is about; None for another line."""
    if match := _LINE.fullmatch(line):
        return Told(match[1])
    match = _PART.fullmatch(line)
    return Told(match[2], match[1].strip()) if match else None


def _split(text: str) -> tuple[str, str]:
    bracket, dash = text.find("["), text.find(" - ")
    if -1 < bracket < dash or (bracket > -1 and dash == -1):
        end = text.find("] - ", bracket)
        if end > -1:
            return text[: end + 1], text[end + 4 :]
        return text, ""
    return (text[:dash], text[dash + 3 :]) if dash > -1 else (text, "")


def title_of(node: str, part: str = "") -> str:
    """How a report's head writes a test."""
    file, _, name = node.partition("::")
    head, bracket, parameters = (name or file).partition("[")
    return f"{head.replace('::', '.')}{bracket}{parameters} {part}".rstrip()


def of_title(title: str) -> str:
    """The test's name, without its file, that a report's head is about."""
    head, bracket, parameters = bare(title).partition("[")
    return (head if head.endswith(".py") else head.replace(".", "::")) + bracket + parameters


def bare(title: str) -> str:
    """The test in a report's head: `ERROR at setup of test_x` is about `test_x`."""
    match = _ABOUT.match(title)
    return match[1] if match else title
