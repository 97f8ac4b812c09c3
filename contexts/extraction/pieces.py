"""One file of an edit as code: whole where its text is known, else the pieces in its hunks."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from textwrap import dedent

from contexts.extraction import patches, symbols
from contexts.extraction.diffs import FileDiff
from contexts.extraction.patterns import Match, Rules
from contexts.extraction.symbols import Side, Touched


@dataclass
class Piece:
    """A stretch of code before and after; `new` and `old` tell which of its lines changed."""

    language: str
    new: Side
    old: Side

    def fresh(self, rules: Rules) -> tuple[list[Match], set[str]]:
        """The patterns that the edit put in, and the names of those that were there before."""
        after = self._found(rules, self.new, None) if self.new.changed else []
        names = {match.name for match in after}
        before = {match.name for match in self._found(rules, self.old, names)} if names else set()
        # What begins on an added line is new; so is what a line inside made complete.
        return [m for m in after if self.new.changed[m.first] or m.name not in before], before

    def _found(self, rules: Rules, side: Side, names: set[str] | None) -> list[Match]:
        text = dedent("\n".join(side.texts))
        if self.language == "php" and "<?" not in text:
            text = "<?php " + text
        found = rules.find(self.language, text, names)
        return [match for match in found if match.first < len(side.texts)]


class Code:
    """One file's changes as code. `content` is the file's new text, if it is known.

    `whole` says whether the hunks and the text belong together.
    """

    def __init__(self, language: str, file: FileDiff, content: str | None) -> None:
        self._language, self._file = language, file
        self._whole = self._sides(content)
        self.whole = self._whole is not None and content is not None

    def touched(self) -> Touched:
        """The functions and classes that were added, removed and changed."""
        if self._whole is not None:
            return symbols.compared(self._whole.old, self._whole.new)
        hunks = self._file.hunks
        return symbols.compared(
            symbols.pieces(self._language, hunks, "-"), symbols.pieces(self._language, hunks, "+")
        )

    @cached_property
    def pieces(self) -> list[Piece]:
        if self._whole is not None:
            return [self._whole]
        return [
            Piece(
                self._language,
                symbols.pieces(self._language, [hunk], "+"),
                symbols.pieces(self._language, [hunk], "-"),
            )
            for hunk in self._file.hunks
        ]

    def patterns(
        self, rules: Rules, changed: Iterable[str]
    ) -> tuple[set[str], dict[str, set[str]]]:
        """The names of the patterns put in; and by function or class of `changed`, those new there.

        Only patterns that a summary has a phrase for are in the second.
        """
        used: set[str] = set()
        gained: dict[str, set[str]] = {}
        known = set(changed)
        for piece in self.pieces:
            fresh, before = piece.fresh(rules)
            used |= {match.name for match in fresh}
            for match in fresh:
                scope = piece.new.scopes[match.first]
                phrase = rules.phrase_of(match.name)
                if phrase and scope in known and match.name not in before:
                    gained.setdefault(phrase, set()).add(scope)
        return used, gained

    def _sides(self, content: str | None) -> Piece | None:
        """Both whole texts, when the hunks are all of one or fit the other."""
        hunks, file = self._file.hunks, self._file
        new: list[str] | None = None
        old: list[str] | None = None
        if content is not None:
            new = content.split("\n")
            old = [] if file.status == "added" else patches.applied(hunks, new)
        elif file.status in ("added", "deleted") and len(hunks) == 1:
            new, old = hunks[0].side("+"), hunks[0].side("-")
        if new is None or old is None:
            return None
        return Piece(
            self._language,
            symbols.whole(self._language, "\n".join(new), symbols.changed_lines(hunks, "+")),
            symbols.whole(self._language, "\n".join(old), symbols.changed_lines(hunks, "-")),
        )
