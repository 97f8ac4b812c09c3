"""JSON as readable HTML: indented lines, coloured by kind or by the level that set a value.

Every piece of a document goes through `format_html`: documents are written by agents.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from contexts import merging
from contexts.resolving import Link

MOST_LINES = 2_000


def pretty(value: Any) -> str:
    """`value` as a human edits it: two spaces an indent, text as it reads."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def short(value: Any, longest: int = 300) -> str:
    """`value` as JSON on one line, cut when longer than `longest`."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


@dataclass(frozen=True)
class Line:
    """One line of a rendered document. `leaf` is the path of the leaf that it is part of."""

    depth: int
    key: str | None
    text: str
    kind: str
    leaf: tuple[str, ...] | None


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "string"
    return "literal" if value is None or isinstance(value, bool) else "number"


def lines(value: Any, depth: int = 0, key: str | None = None) -> Iterator[Line]:
    """The lines of `value`, as `json.dumps` with an indent would break them."""
    yield from _lines(value, depth, key, "", (), None)


def _lines(
    value: Any,
    depth: int,
    key: str | None,
    comma: str,
    path: tuple[str, ...],
    leaf: tuple[str, ...] | None,
) -> Iterator[Line]:
    if leaf is None and path and merging.is_leaf(value):
        leaf = path
    if not isinstance(value, dict | list) or not value:
        text = json.dumps(value, ensure_ascii=False)
        yield Line(depth, key, text + comma, _kind(value) if text not in "[]{}" else "mark", leaf)
        return
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield Line(depth, key, first, "mark", leaf)
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for number, (name, item) in enumerate(items, 1):
        deeper = path if name is None else (*path, name)
        separator = "," if number < len(value) else ""
        yield from _lines(item, depth + 1, name, separator, deeper, leaf)
    yield Line(depth, None, last + comma, "mark", leaf)


def code(line: Line) -> SafeString:
    """A line, indented, with colours by kind."""
    key = SafeString("")
    if line.key is not None:
        key = format_html(
            '<span class="json-key">{}</span>: ', json.dumps(line.key, ensure_ascii=False)
        )
    return format_html(
        '{}{}<span class="json-{}">{}</span>', "  " * line.depth, key, line.kind, line.text
    )


def document(value: Any) -> SafeString:
    """`value` with colours by kind."""
    all_lines = lines(value)
    shown = format_html_join("\n", "{}", ((code(line),) for line in islice(all_lines, MOST_LINES)))
    return format_html('<pre class="json">{}</pre>{}', shown, _rest(all_lines))


def by_level(value: Any, setters: Mapping[str, Link]) -> SafeString:
    """`value` with every leaf in the colour, and with the letter, of the level that set it."""
    all_lines = lines(value)
    rows = (_levelled(line, setters) for line in islice(all_lines, MOST_LINES))
    shown = format_html_join("", "{}", ((row,) for row in rows))
    return format_html('<div class="json json-levels">{}</div>{}', shown, _rest(all_lines))


def _levelled(line: Line, setters: Mapping[str, Link]) -> SafeString:
    link = setters.get(merging.pointer(line.leaf)) if line.leaf is not None else None
    if link is None:
        return format_html(
            '<div class="json-line"><span class="gutter"></span><code>{}</code></div>', code(line)
        )
    name = link.level.name
    return format_html(
        '<div class="json-line level-{}" title="set by {} {}">'
        '<span class="gutter">{}</span><code>{}</code></div>',
        name,
        name,
        link.context_id,
        name[0].upper(),
        code(line),
    )


def _rest(remaining: Iterator[Line]) -> SafeString:
    if next(remaining, None) is None:
        return SafeString("")
    return format_html(
        '<p class="help">These are the first {} lines; the API has them all.</p>', MOST_LINES
    )


def level_badge(name: str) -> SafeString:
    """The name of a level in its colour."""
    return format_html('<span class="badge level-badge level-{}">{}</span>', name, name)


def badge(text: str, kind: str = "") -> SafeString:
    """A word in a small frame; `kind` picks the colour."""
    return format_html('<span class="badge badge-{}">{}</span>', kind or text, text)


def when(at: datetime | None) -> SafeString:
    """How long ago that was; the time itself on pointing at it."""
    if at is None:
        return SafeString("")
    ago = timesince(at, depth=1)
    told = "just now" if ago.startswith("0") else f"{ago} ago"
    exact = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact, told)


def progress_bar(percent: int) -> SafeString:
    """A bar with its number. `progress` needs no inline style, which a page may forbid."""
    return format_html(
        '<span class="percent"><progress max="100" value="{}"></progress>{}%</span>',
        percent,
        percent,
    )
