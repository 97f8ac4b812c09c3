"""Lines that are not taken as they stand: refused and named, or rid of their secrets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from contexts import entries
from contexts.access import Caller
from contexts.levels import TASK
from contexts.models import Entry, GlobalContext
from tests.contexts.archives.archive import (
    Lines,
    body_of,
    export,
    forget,
    import_text,
    parsed,
    text_of,
)
from tests.contexts.archives.work import make_task


@pytest.mark.parametrize(
    ("spoil", "number", "complaint"),
    [
        (lambda lines: lines[:-1], 5, "cut short"),
        (lambda lines: lines[1:], 1, "no archive"),
        (lambda lines: [{**lines[0], "contextsys_export": 9}, *lines[1:]], 1, "Format 9"),
        (lambda lines: [{**lines[0], "organization": "../x"}, *lines[1:]], 1, "organization"),
        (lambda lines: [*lines[:3], *lines[4:]], 4, "Change 3"),
        (lambda lines: _spoilt(lines, 4, "version", 7), 5, "version"),
        (lambda lines: _spoilt(lines, 4, "version", True), 5, "version"),
        (lambda lines: _spoilt(lines, 4, "context_id", "a b"), 5, "context_id"),
        (lambda lines: _spoilt(lines, 4, "level", "team"), 5, "level"),
        (lambda lines: _spoilt(lines, 4, "operation", "exploded"), 5, "operation"),
        (lambda lines: _spoilt(lines, 4, "mutation_id", "1"), 5, "mutation_id"),
        (lambda lines: _spoilt(lines, 4, "at", "2026-01-01"), 5, "at"),
        (lambda lines: _spoilt(lines, 4, "record", []), 5, "record"),
        (lambda lines: _spoilt(lines, 4, "entry", {}), 5, "kind"),
        (
            lambda lines: _spoilt(lines, 4, "document", {"branch_id": "b1", "colour": 1}),
            5,
            "colour",
        ),
        (lambda lines: _spoilt(lines, 4, "document", {"branch_id": "b9"}), 5, "revision"),
        (lambda lines: _spoilt(lines, 4, "actor", "a" * 151), 5, "actor"),
    ],
)
def test_a_line_that_cannot_be_imported_is_named_and_what_came_before_it_stays(
    owner: Caller,
    tmp_path: Path,
    spoil: Callable[[Lines], Lines],
    number: int,
    complaint: str,
) -> None:
    make_task(owner)
    exported = export()
    forget("global")

    with pytest.raises(CommandError, match=rf"Line {number}: .*{complaint}"):
        import_text(text_of(spoil(parsed(exported))), tmp_path)

    begun = GlobalContext.objects.count()
    assert begun == (1 if number > 1 and complaint != "cut short" else 0)
    assert not TASK.rows("global").exists()
    import_text(exported, tmp_path)
    assert TASK.rows("global").exists()
    assert body_of(export()) == body_of(exported)


def _spoilt(lines: Lines, index: int, name: str, value: Any) -> Lines:
    return [*lines[:index], {**lines[index], name: value}, *lines[index + 1 :]]


def test_lines_that_are_no_json_and_documents_too_large_are_refused(
    owner: Caller, tmp_path: Path, settings: Any
) -> None:
    make_task(owner, data={"long": "x" * 1000})
    lines = [line + "\n" for line in export().rstrip("\n").split("\n")]
    forget("global")
    for bad in ("nonsense\n", "[1]\n", '{"seq": NaN}\n', '{"a": "\\u0000"}\n'):
        with pytest.raises(CommandError, match=r"Line 3: "):
            import_text("".join([*lines[:2], bad, *lines[3:]]), tmp_path)
    settings.CONTEXTSYS_MAX_DOCUMENT_BYTES = 900
    with pytest.raises(CommandError, match=r"Line 5: The document would be larger than 900 bytes"):
        import_text("".join(lines), tmp_path)


def test_a_secret_in_an_archive_is_not_stored(owner: Caller, tmp_path: Path, settings: Any) -> None:
    secret = "ghp_" + "a1B2" * 9
    settings.CONTEXTSYS_REDACT = False
    make_task(owner, data={"note": secret})
    entries.add(owner, TASK, "t1", Entry.Kind.PROGRESS, f"used {secret}")
    exported = export()
    forget("global")
    settings.CONTEXTSYS_REDACT = True

    import_text(exported, tmp_path)

    again = export()
    assert secret not in again
    assert "[redacted:github_token]" in again
    forget("global")
    import_text(again, tmp_path)
    assert body_of(export()) == body_of(again)


def test_what_belongs_to_another_organization_is_refused(owner: Caller, tmp_path: Path) -> None:
    make_task(owner)
    lines = parsed(export())
    lines[0]["organization"] = lines[1]["context_id"] = "elsewhere"

    with pytest.raises(CommandError, match=r"Line 2: "):
        import_text(text_of(lines), tmp_path)

    assert not GlobalContext.objects.filter(context_id="elsewhere").exists()
