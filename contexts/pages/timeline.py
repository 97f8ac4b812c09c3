"""What happened to a context: its versions and entries in one line of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.safestring import SafeString

from contexts import queries
from contexts.admin import diffs, rendering
from contexts.levels import Level
from contexts.models import Entry

STEP = 20
MOST = 400
# The picture of when it was worked on.
BARS = 48
BAR_WIDTH, BAR_HEIGHT = 10, 40


@dataclass(frozen=True)
class Moment:
    """An entry or a version."""

    at: datetime
    entry: Entry | None = None
    version: diffs.Version | None = None

    @property
    def when(self) -> SafeString:
        return rendering.when(self.at)

    @property
    def details(self) -> SafeString:
        """What an action has besides its words."""
        return rendering.document(self.entry.details if self.entry is not None else {})


@dataclass(frozen=True)
class Timeline:
    """The newest moments, and how many to ask for to see more (0: there are none)."""

    moments: list[Moment]
    more: int


def timeline(level: Level, organization_id: str, context_id: str, shown: int) -> Timeline:
    """The newest `shown` moments of a context, also of a deleted one."""
    entries = queries.entries_of(organization_id, level, context_id)[: shown + 1]
    versions = diffs.versions(level, organization_id, context_id, 0, shown + 1)
    moments = [
        *(Moment(entry.created_at, entry=entry) for entry in entries),
        *(Moment(version.change.at, version=version) for version in versions),
    ]
    moments.sort(key=lambda moment: moment.at, reverse=True)
    more = min(MOST, shown + STEP) if len(moments) > shown and shown < MOST else 0
    return Timeline(moments[:shown], more)


@dataclass(frozen=True)
class Bar:
    """How much happened in one stretch of time, for an SVG of BARS stretches."""

    x: int
    height: int
    count: int

    @property
    def y(self) -> int:
        return BAR_HEIGHT - self.height


@dataclass(frozen=True)
class Pulse:
    """When a task was worked on: the picture and its ends."""

    bars: list[Bar]
    first: datetime
    last: datetime
    count: int

    width = BARS * BAR_WIDTH
    height = BAR_HEIGHT
    bar_width = BAR_WIDTH - 3

    @property
    def ends(self) -> tuple[SafeString, SafeString]:
        return rendering.when(self.first), rendering.when(self.last)


def pulse(level: Level, organization_id: str, context_id: str) -> Pulse | None:
    """The picture over the newest thousands of entries; None when there is too little to see."""
    rows = queries.entries_of(organization_id, level, context_id)
    times = list(rows.values_list("created_at", flat=True)[:5_000])
    if len(times) < 3 or times[0] - times[-1] < timedelta(seconds=2):
        return None
    return Pulse(_bars(times), times[-1], times[0], len(times))


def _bars(times: Sequence[datetime]) -> list[Bar]:
    first, span = times[-1], times[0] - times[-1]
    counts = [0] * BARS
    for at in times:
        counts[min(BARS - 1, int((at - first) / span * BARS))] += 1
    most = max(counts)
    return [
        Bar(place * BAR_WIDTH, max(3, round(BAR_HEIGHT * count / most)), count)
        for place, count in enumerate(counts)
        if count
    ]
