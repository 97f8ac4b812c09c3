from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "One full pull and push with the hub, by hand."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="accepted; once is what it does")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.CONTEXTSYS_CLOUD_URL:
            raise CommandError(
                "No hub is configured: set CONTEXTSYS_CLOUD_URL to the address of the instance to "
                "sync with, and CONTEXTSYS_CLOUD_KEY to a key of it."
            )
        raise CommandError("This version does not sync yet: unset CONTEXTSYS_CLOUD_URL.")
