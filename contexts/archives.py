"""An organization as JSON Lines: a header, its whole change log, a footer.

One line a change, in order, with all that is needed to build rows, entries, delegations and
history again (`services.foreign`). The footer counts, so that a file cut short is noticed.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.utils import timezone

from contexts import documents, services
from contexts.errors import ContextError, NotFound
from contexts.identifiers import is_context_id
from contexts.levels import GLOBAL, LEVELS, Document
from contexts.models import Change, Feed, owned
from contexts.queries import timestamp
from contexts.services import foreign

HEADER, FOOTER = "contextsys_export", "contextsys_export_end"
FORMAT = 1
PAGE = 500
BATCH = 200
BATCH_BYTES = 8 * 2**20
FOOTER_BYTES = 4096
CUT_SHORT = "The file ends here without its last line: it was cut short."


class BadArchive(ContextError):
    """A line that cannot be imported. `begun`: those before it are."""

    code = "bad_archive"

    def __init__(self, number: int, complaint: str, begun: bool = True) -> None:
        super().__init__(f"Line {number}: {complaint}")
        self.begun = begun and number > 1


def length_of(organization_id: str) -> int:
    """How many changes an export would hold now. Raises `NotFound`."""
    return _feed(organization_id).head


def _feed(organization_id: str) -> Feed:
    feed = owned(organization_id, Feed).first()
    if feed is None:
        raise NotFound(f"There is no organization {organization_id}.")
    return feed


def lines(organization_id: str) -> Iterator[bytes]:
    """The archive of an organization as it is now, line by line. Raises `NotFound`.

    Read in pages up to the head that the log had at first: the log only grows, so that is one
    moment's state, and neither a long transaction nor the memory for it is needed.
    """
    feed = _feed(organization_id)
    head = feed.head
    yield _line(
        {
            HEADER: FORMAT,
            "organization": organization_id,
            "epoch": feed.epoch,
            "head": head,
            "exported_at": timestamp(timezone.now()),
        }
    )
    counts = {"changes": 0, "entries": 0}
    seq = 0
    while seq < head:
        log = owned(organization_id, Change, seq__gt=seq, seq__lte=head)
        page = list(log.select_related("entry").order_by("seq")[:PAGE])
        if not page:
            break
        remembered = _remembered(organization_id, page)
        for change in page:
            seq = change.seq
            counts["changes"] += 1
            counts["entries"] += change.entry is not None
            yield _change_line(change, remembered)
    yield _line({FOOTER: FORMAT, **counts})


def _remembered(
    organization_id: str, page: Sequence[Change]
) -> dict[foreign.Key, tuple[str, Document]]:
    """Revision and document of the contexts that have compacted versions on this page."""
    kept = {}
    for level in LEVELS.values():
        ids = {
            change.context_id
            for change in page
            if change.level == level.name and foreign.is_compacted(change)
        }
        if ids:
            for row in level.rows(organization_id, context_id__in=ids):
                kept[level.name, row.context_id] = row.revision, level.document(row)
    return kept


def _change_line(change: Change, remembered: dict[foreign.Key, tuple[str, Document]]) -> bytes:
    body: Document = {"seq": change.seq, **foreign.write(change)}
    known = remembered.get((change.level, change.context_id))
    if foreign.is_compacted(change) and known is not None:
        revision, document = known
        if revision == change.revision:
            body["document"] = document
        else:
            body["parent_id"] = document.get(LEVELS[change.level].parent_field, "")
    line = _line(body)
    if foreign.lost_a_secret(change, line):
        line = _line({**body, "redacted": True})
    return line


def _line(body: Document) -> bytes:
    return documents.to_json(body) + b"\n"


@dataclass
class Summary:
    """What an import did: `diverged` names the contexts with two histories and the one kept."""

    organization_id: str = ""
    added: int = 0
    known: int = 0
    diverged: dict[foreign.Key, services.Outcome] = field(default_factory=dict)

    def count(self, change: services.ForeignChange, outcome: services.Outcome) -> None:
        if outcome == services.Outcome.KNOWN:
            self.known += 1
            return
        self.added += 1
        if outcome != services.Outcome.ADDED:
            self.diverged[change.key] = outcome


def bring_in(file: BinaryIO, progress: Callable[[int], Any] = lambda _: None) -> Summary:
    """Imports an archive; safe to run again. `progress` hears how many bytes are done.

    Raises `BadArchive` with the number of the first line that cannot be imported: a file that is
    no archive or can be seen to be cut short is not begun; otherwise what came before the line
    stays, and running again goes on from there.
    """
    _refuse_cut_short(file)
    summary = Summary()
    batch: list[tuple[int, services.ForeignChange]] = []
    size = 0
    numbered = _changes(file, summary)
    while True:
        try:
            number, length, change = next(numbered)
        except StopIteration:
            break
        except BadArchive:
            _import(summary, batch)
            raise
        batch.append((number, change))
        size += length
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            _import(summary, batch)
            progress(size)
            batch, size = [], 0
    _import(summary, batch)
    progress(size)
    return summary


def _import(summary: Summary, batch: list[tuple[int, services.ForeignChange]]) -> None:
    changes = [change for _, change in batch]
    try:
        outcomes = services.adopt_all(summary.organization_id, changes)
    except ContextError:
        # One of them is refused, and its transaction with it: find the line, keep the others.
        for number, change in batch:
            try:
                summary.count(change, services.adopt(summary.organization_id, change))
            except ContextError as error:
                raise BadArchive(number, error.sentence) from error
        return
    for change, outcome in zip(changes, outcomes, strict=True):
        summary.count(change, outcome)


def _longest_line() -> int:
    # A document in the escapes of other writers, or an entry of the largest body (8 MiB).
    return 8 * services.document_limit() + 16 * 2**20


def _parsed(number: int, line: bytes) -> Document:
    if len(line) > _longest_line():
        raise BadArchive(number, f"It is longer than {_longest_line()} bytes.")
    try:
        body = documents.parse(line)
    except ContextError as error:
        raise BadArchive(number, error.sentence) from None
    if not isinstance(body, dict):
        raise BadArchive(number, "It is no JSON object.")
    return body


def _changes(file: BinaryIO, summary: Summary) -> Iterator[tuple[int, int, services.ForeignChange]]:
    """Line number, length in bytes and change of every change; raises `BadArchive`."""
    number, seq, count = 1, 0, 0
    header = _parsed(number, file.readline(_longest_line() + 1) or b"{}")
    _check_header(header)
    summary.organization_id = header["organization"]
    while line := file.readline(_longest_line() + 1):
        number += 1
        body = _parsed(number, line)
        if FOOTER in body:
            if body.get("changes") != count:
                raise BadArchive(number, f"The file should hold {body.get('changes')} changes.")
            if file.readline(2).strip():
                raise BadArchive(number + 1, "Something follows the end of the archive.")
            return
        if not line.endswith(b"\n"):
            break
        if count and body.get("seq") != seq + 1:
            raise BadArchive(number, f"Change {seq + 1} should stand here.")
        seq, count = body.get("seq", 0), count + 1
        try:
            yield number, len(line), foreign.read(body)
        except ContextError as error:
            raise BadArchive(number, error.sentence) from None
    raise BadArchive(number, CUT_SHORT)


def _check_header(header: Document) -> None:
    if HEADER not in header:
        raise BadArchive(1, "This is no archive of export_contexts.")
    if header[HEADER] != FORMAT:
        raise BadArchive(1, f"Format {header[HEADER]!r} is unknown; this reads {FORMAT}.")
    organization_id = header.get("organization")
    if not isinstance(organization_id, str) or not is_context_id(
        organization_id, GLOBAL.longest_id
    ):
        raise BadArchive(1, "It names no organization.")


def _refuse_cut_short(file: BinaryIO) -> None:
    """Raises `BadArchive` when a file on disk does not end as an archive does."""
    if not file.seekable():
        return
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - FOOTER_BYTES))
    last = file.read().rstrip(b"\n").rsplit(b"\n", 1)[-1]
    file.seek(0)
    if FOOTER.encode() in last:
        return
    _check_header(_parsed(1, file.readline(_longest_line() + 1) or b"{}"))
    number = 1 + sum(1 for _ in file)
    raise BadArchive(number, CUT_SHORT, begun=False)
