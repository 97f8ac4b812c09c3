"""What a page of the hub's feed is held against: our entries and lanes, and versions in the log.

Each is asked for every page, so it is composed once (`contexts.prepared`).
"""

from functools import partial
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from contexts.levels import LEVELS, Level
from contexts.models import owned, versions
from contexts.prepared import Prepared, PreparedRow
from syncing import wire
from syncing.models import JournalEntry, Lane, unsettled
from syncing.wire import Verdict

State = JournalEntry.State


def _placeless(level: Level, organization_id: str) -> QuerySet[Lane]:
    lanes = owned(organization_id, Lane, level=level.name, upstream__isnull=False)
    rows = owned(organization_id, level.model, context_id=OuterRef("context_id"))
    edits = unsettled(organization_id).filter(lane=OuterRef("pk"), change__makes_version=True)
    return lanes.filter(~Exists(edits) | ~Exists(rows))


APART = Prepared(
    lambda organization: (
        owned(organization, Lane, upstream__isnull=False).values_list("level").distinct()
    ),
    str,
)
PLACELESS = {name: PreparedRow(partial(_placeless, level), str) for name, level in LEVELS.items()}
SENT = PreparedRow(
    lambda organization, reached: (
        unsettled(organization)
        .filter(state=State.SENT, hub_seq__lte=reached)
        .select_related("lane", "change")
    ),
    *(str, int),
)
TOLD = PreparedRow(
    lambda organization, origin, ids: (
        unsettled(organization)
        .filter(change__origin_node=origin, change__mutation_id__in=ids)
        .select_related("lane", "change")
    ),
    *(str, str, [UUID]),
)
EDITS = PreparedRow(
    lambda organization, lanes: (
        unsettled(organization)
        .filter(lane__in=lanes, change__makes_version=True)
        .select_related("change")
    ),
    *(str, [int]),
)
DOCUMENTS = PreparedRow(
    lambda organization, level, context_id, revisions: (
        versions(organization, level, context_id)
        .filter(revision__in=revisions)
        .only("revision", "document")
    ),
    *(str, str, str, [str]),
)
TWIN = Prepared(
    lambda organization, level, context_id, revision, key: (
        versions(organization, level, context_id)
        .filter(revision=revision)
        .exclude(pk=key)
        .values_list("pk")
    ),
    *(str, str, str, str, int),
)
OVERTAKEN = PreparedRow(
    lambda organization, lanes: (
        owned(organization, JournalEntry, state=State.SETTLED, lane__in=lanes)
        .exclude(verdict=Verdict.APPLIED)
        .select_related("change")
    ),
    *(str, [int]),
)
PROVISIONAL = PreparedRow(
    lambda organization, level, context_id: (
        versions(organization, level, context_id)
        .filter(origin_node=wire.PROVISIONAL)
        .defer("document")
    ),
    *[str] * 3,
)
