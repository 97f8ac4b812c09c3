"""contextsys in the benchmark's own process, on a new database with a chain of contexts."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.documents import document
from tests.instances import temporary_database


@contextlib.contextmanager
def organization(tasks: int = 1) -> Iterator[str]:
    """The name of an organization with tasks `t0`… in branch `b` of project `p`.

    Sets Django up, so there can be one a process; import of ours what you need inside of it.
    """
    before = os.environ.get("DATABASE_URL", "")
    with tempfile.TemporaryDirectory() as home, temporary_database(Path(home)) as database:
        os.environ.update(
            DATABASE_URL=database,
            CONTEXTSYS_HOME=home,
            CONTEXTSYS_LOG_LEVEL="WARNING",
            DJANGO_SETTINGS_MODULE="contextsys.settings",
        )
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from contexts import services
        from contexts.changes import Author
        from contexts.levels import BRANCH, GLOBAL, PROJECT, TASK

        call_command("migrate", verbosity=0)
        author = Author("bench", "benchmark")
        services.create(author, GLOBAL, {"data": document(-1)}, context_id="bench")
        services.create(author, PROJECT, {"data": document(-2)}, context_id="p")
        place = {"project_id": "p"}
        services.create(author, BRANCH, {"data": document(-3)}, context_id="b", parent_ids=place)
        for number in range(tasks):
            place = {"branch_id": "b"}
            made = {"data": document(number)}
            services.create(author, TASK, made, context_id=f"t{number}", parent_ids=place)
        try:
            yield "bench"
        finally:
            os.environ["DATABASE_URL"] = before
            connection.close()
            if pool := getattr(connection, "pool", None):
                pool.close()
