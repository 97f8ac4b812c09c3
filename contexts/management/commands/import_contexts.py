"""`manage.py import_contexts FILE`: an archive of `export_contexts` back into the instance."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandError
from tqdm import tqdm

from contexts import archives
from contexts.management.base import PlainCommand
from contexts.services import Outcome


class Command(PlainCommand):
    help = "Reads what export_contexts wrote. Safe to run again: nothing doubles."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="- for standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        if file == "-":
            self._import(sys.stdin.buffer, None)
            return
        path = Path(file)
        try:
            with path.open("rb") as archive:
                self._import(archive, path.stat().st_size)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None

    def _import(self, archive: BinaryIO, size: int | None) -> None:
        with tqdm(
            desc="Importing", total=size, unit="B", unit_scale=True, disable=None, leave=False
        ) as bar:
            try:
                summary = archives.bring_in(archive, bar.update)
            except archives.BadArchive as error:
                stays = "The lines before it are" if error.begun else "Nothing is"
                raise CommandError(f"{error.sentence} {stays} imported.") from None
        self.stdout.write(
            f"Imported {summary.organization_id}: {summary.added} changes new, "
            f"{summary.known} known."
        )
        for (level, context_id), outcome in sorted(summary.diverged.items()):
            kept = (
                "the one of this instance" if outcome == Outcome.KEPT_OURS else "the imported one"
            )
            self.stdout.write(
                f"{level} {context_id} had another history here: {kept} is current, "
                "the other is in the log."
            )
