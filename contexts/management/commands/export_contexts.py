"""`manage.py export_contexts [FILE]`: an organization as JSON Lines."""

import os
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from contexts import archives
from contexts.management.base import PlainCommand, require_organization


class Command(PlainCommand):
    help = "Writes an organization, its contexts with entries and history, as JSON Lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", default="-", help="default: standard output")
        parser.add_argument("--organization", default=settings.CONTEXTSYS_ORGANIZATION)

    def handle(self, *args: Any, file: str, organization: str, **options: Any) -> None:
        require_organization(organization)
        lines = tqdm(
            archives.lines(organization),
            desc="Exporting",
            total=archives.length_of(organization) + 2,
            unit="line",
            disable=None,
            leave=False,
        )
        if file == "-":
            self._print(lines)
            return
        try:
            write_whole(Path(file), lines)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"Exported {organization} to {file}.")

    def _print(self, lines: Iterable[bytes]) -> None:
        try:
            for line in lines:
                self.stdout.write(line.decode(), ending="")
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever read has enough. Python would complain once more when it closes the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)


def write_whole(path: Path, lines: Iterable[bytes]) -> None:
    """Puts the file at `path` in one step, for its owner alone (mode 0600), or leaves it be."""
    if path.is_dir():
        raise IsADirectoryError(21, "it is a directory")
    # mkstemp makes files of mode 0600.
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise
