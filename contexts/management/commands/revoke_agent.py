from typing import Any

from django.core.management.base import CommandError, CommandParser

from contexts import agents
from contexts.management.base import PlainCommand


class Command(PlainCommand):
    help = "Ends an agent's key at once, on open sockets too."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("agent_id", metavar="AGENT_ID")

    def handle(self, *args: Any, **options: Any) -> None:
        agent_id = options["agent_id"]
        if not agents.revoke(agent_id):
            raise CommandError(f"There is no agent {agent_id}.")
        self.stdout.write(f"The key of {agent_id} has ended.")
