"""The files that archives are written to and read from."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from contexts.access import Caller
from tests.contexts.archives.archive import body_of, export
from tests.contexts.archives.work import make_task


def test_a_file_is_written_whole_for_its_owner_alone(owner: Caller, tmp_path: Path) -> None:
    make_task(owner)
    file = tmp_path / "out.jsonl"
    file.write_text("older")
    call_command("export_contexts", str(file), stdout=io.StringIO())

    assert body_of(file.read_text()) == body_of(export())
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


def test_unusable_files_and_organizations_are_named(organization: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no organization nowhere"):
        call_command("export_contexts", organization="nowhere")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_contexts", str(tmp_path / "missing" / "file"))
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_contexts", str(tmp_path))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_contexts", str(tmp_path / "missing"))
    (tmp_path / "empty").touch()
    with pytest.raises(CommandError, match="Line 1: This is no archive"):
        call_command("import_contexts", str(tmp_path / "empty"))
