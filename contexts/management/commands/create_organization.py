from typing import Any

from django.core.management.base import CommandParser

from contexts import services
from contexts.changes import Author
from contexts.levels import GLOBAL
from contexts.management.base import PlainCommand


class Command(PlainCommand):
    help = "Makes another organization (a tenant) on this instance."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization_id", metavar="ID")
        parser.add_argument("--name", default="", help="what people call it")

    def handle(self, *args: Any, **options: Any) -> None:
        organization_id, name = options["organization_id"], options["name"]
        author = Author(organization_id, "create_organization")
        services.create(author, GLOBAL, {"organization_name": name}, context_id=organization_id)
        self.stdout.write(f"Organization {organization_id} is made.")
