"""Two people settle the same conflict at the same moment: one of them does."""

from functools import partial

import pytest
from rest_framework.test import APIClient

from contexts import services
from contexts.errors import AlreadyDecided
from contexts.levels import TASK
from contexts.models import Change
from syncing import settling
from syncing.conflicts import Strategy
from syncing.models import Conflict
from tests.syncing.collisions import AUTHOR, collide, make, make_branch
from tests.system.threads import failures, together

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


def settlements(conflict: Conflict) -> int:
    """How often the log tells that the conflict was settled."""
    told = Change.objects.filter(operation="conflict", record__status="resolved")
    return told.filter(record__id=str(conflict.conflict_id)).count()


@pytest.mark.parametrize("gone", [False, True], ids=["there", "deleted since"])
@pytest.mark.parametrize(
    "strategies",
    [(Strategy.OURS, Strategy.OURS), (Strategy.THEIRS, Strategy.OURS), (Strategy.THEIRS,) * 2],
    ids=["alike", "differently", "both making it again"],
)
def test_of_those_who_settle_at_once_one_does_and_the_others_are_told(
    owner_client: APIClient, strategies: tuple[Strategy, Strategy], gone: bool
) -> None:
    make_branch()
    for number in range(ROUNDS):
        name = f"t{number}"
        make(context_id=name)
        conflict = collide(owner_client, {"progress": 1}, {"progress": 2}, TASK, name)
        if gone:
            services.delete(AUTHOR, TASK, name)
        outcomes = together(
            [
                partial(settling.resolve, AUTHOR, conflict.conflict_id, strategy)
                for strategy in strategies
            ]
        )
        [refusal] = failures(outcomes)
        assert isinstance(refusal, AlreadyDecided)
        assert settlements(conflict) == 1
