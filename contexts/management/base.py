"""Commands of ours: what goes wrong is told in one sentence."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError

from contexts.errors import ContextError
from contexts.models import GlobalContext

NO_DATABASE = (
    "The database does not answer, or has no tables yet: check DATABASE_URL; "
    "manage.py migrate makes the tables."
)


class PlainCommand(BaseCommand):
    """A command whose refusals become a sentence and exit status 1, never a traceback."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except ContextError as error:
            raise CommandError(error.sentence) from error
        except (OperationalError, InterfaceError, ProgrammingError) as error:
            raise CommandError(NO_DATABASE) from error


def require_organization(organization_id: str) -> None:
    """Raises `CommandError` when there is no such organization."""
    if not GlobalContext.objects.filter(context_id=organization_id).exists():
        raise CommandError(
            f"There is no organization {organization_id}: "
            f"manage.py create_organization {organization_id} makes it."
        )
