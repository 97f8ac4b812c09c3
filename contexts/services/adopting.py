"""Taking over changes that were made elsewhere, an archive's for one, in one transaction."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from contexts.services.adoption import Adoption
from contexts.services.foreign import ForeignChange
from contexts.services.outcomes import Outcome, Overtaken

ATTEMPTS = 3


def adopt(organization_id: str, foreign: ForeignChange) -> Outcome:
    """`adopt_all` for one change."""
    return adopt_all(organization_id, [foreign])[0]


def adopt_all(organization_id: str, foreigns: Sequence[ForeignChange]) -> list[Outcome]:
    """Takes over `foreigns`, in the order they were logged, in one transaction.

    One that is here already (by mutation, revision, or its entry or delegation) is `KNOWN` and
    changes nothing. A version whose parent is current here, or with which a context begins or
    begins again, is `ADDED`. Otherwise the context has two histories: `TOOK_THEIRS` when the
    foreign one is current now, `KEPT_OURS` when it went to the log only; so does a deletion
    while the context has children here. A compacted version (without document) moves its context
    on and leaves the data to a later one. Without the organization its first change makes it.

    Raises `Invalid`, `DocumentTooLarge`, `ParentMissing`, and `IdTaken` for what belongs to
    another organization of this instance; nothing of `foreigns` is written then.
    """
    cause: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            return _adopt(organization_id, foreigns)
        except (IntegrityError, Overtaken) as error:
            # Someone made an id or adopted the same between our look and our insert: look again.
            cause = error
    raise cause or Overtaken


@transaction.atomic
def _adopt(organization_id: str, foreigns: Sequence[ForeignChange]) -> list[Outcome]:
    adoption = Adoption(organization_id, foreigns)
    outcomes = [adoption.take(foreign).outcome for foreign in foreigns]
    adoption.finish()
    return outcomes
