from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from contexts import agents
from contexts.management.base import PlainCommand, require_organization
from contexts.models import Role


class Command(PlainCommand):
    help = "Makes an agent, or rotates its key; prints the new key, which is kept nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("agent_id", metavar="AGENT_ID")
        parser.add_argument(
            "--organization",
            metavar="ID",
            default=settings.CONTEXTSYS_ORGANIZATION,
            help="default: the one that CONTEXTSYS_ORGANIZATION names",
        )
        parser.add_argument(
            "--role",
            choices=Role.values,
            help="default: writer for a new agent, unchanged for one that exists",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        require_organization(options["organization"])
        role = Role(options["role"]) if options["role"] else None
        self.stdout.write(agents.issue_key(options["agent_id"], options["organization"], role))
