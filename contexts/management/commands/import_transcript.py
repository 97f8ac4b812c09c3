"""`manage.py import_transcript PATH...`: coding-agent sessions into task contexts."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from contexts import transcripts
from contexts.management.base import PlainCommand, require_organization

MOST_NUMBERS = 20


class Command(PlainCommand):
    help = (
        "Reads coding-agent session transcripts (JSON Lines): one task context a session, "
        "every tool call an entry. Safe to run again: nothing doubles."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="+", type=Path, help="a file, or a folder of *.jsonl")
        parser.add_argument("--project", default="", help="default: made from the session's cwd")
        parser.add_argument("--branch", default="", help="default: made from the git branch")
        parser.add_argument("--organization", default=settings.CONTEXTSYS_ORGANIZATION)
        parser.add_argument("--agent", default="claude-code", help="default: claude-code")

    def handle(self, *args: Any, path: list[Path], **options: Any) -> None:
        for each in path:
            if not each.exists():
                raise CommandError(f"There is no {each}.")
        organization = options["organization"]
        require_organization(organization)
        files = list(dict.fromkeys(file for each in path for file in transcripts.find_files(each)))
        importing = transcripts.Import(
            organization, options["project"], options["branch"], options["agent"]
        )
        self._read(importing, files)
        self._report(importing.summary)

    def _read(self, importing: transcripts.Import, files: list[Path]) -> None:
        total = sum(file.stat().st_size for file in files)
        with tqdm(
            desc="Importing", total=total, unit="B", unit_scale=True, disable=None, leave=False
        ) as bar:
            for file in files:
                importing.read(file, bar.update)

    def _report(self, summary: transcripts.Summary) -> None:
        for path, numbers in summary.unread_lines.items():
            listed = ", ".join(map(str, numbers[:MOST_NUMBERS]))
            more = ", …" if len(numbers) > MOST_NUMBERS else ""
            self.stdout.write(
                f"{path}: {counted(len(numbers), 'line')} could not be read: {listed}{more}"
            )
        for path, reason in summary.unread_files.items():
            self.stdout.write(f"{path} could not be read: {reason}")
        for kind, number in summary.unknown_types.most_common(MOST_NUMBERS):
            self.stdout.write(f"{counted(number, 'line')} of the unknown type {kind!r} passed over")
        unread = sum(map(len, summary.unread_lines.values()))
        self.stdout.write(
            f"{counted(len(summary.sessions), 'session')}, {summary.new} entries new, "
            f"{summary.known} known, {counted(unread, 'line')} unread."
        )


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
