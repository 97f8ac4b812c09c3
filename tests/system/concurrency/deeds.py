"""What many do at once."""

from contexts import services
from contexts.access import Caller
from contexts.levels import TASK
from contexts.models import Role
from tests.system import writers

OWNER = Caller(writers.ORGANIZATION, "owner", Role.ADMIN)


def create_task(context_id: str, **parents: str) -> str:
    made = services.create(
        OWNER,
        TASK,
        {"data": {"id": context_id}},
        context_id=context_id,
        parent_ids=parents,
        create_parents="project_id" in parents,
    )
    return made.context_id
