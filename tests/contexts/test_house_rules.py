"""Rules of the house that no type checker knows (DESIGN §6), searched for in the sources."""

from pathlib import Path

import pytest

from tests.contexts.breaches import context_writes, inner_imports, level_branches
from tests.instances import ROOT

PACKAGES = ("contexts", "contextsys", "syncing")
# Where context rows are written, and where levels may differ.
SERVICES = "contexts/services/"
LEVEL_BRANCHES = ("contexts/levels.py", SERVICES)

MOST_LINES = 300


def sources() -> list[str]:
    """Every Python file of the product but migrations, relative to the project."""
    return sorted(
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    )


# App configurations may load models in `ready` only, where Django has made them.
LATE_IMPORTS = {"contextsys/apps.py", "contexts/apps.py", "syncing/apps.py"}


@pytest.mark.parametrize("path", sources())
def test_context_rows_are_written_by_the_services_only(path: str) -> None:
    if not path.startswith(SERVICES):
        assert context_writes((ROOT / path).read_text()) == []


@pytest.mark.parametrize("path", sources())
def test_levels_differ_in_their_table_only(path: str) -> None:
    if not path.startswith(LEVEL_BRANCHES):
        assert level_branches((ROOT / path).read_text()) == []


@pytest.mark.parametrize("path", sources())
def test_imports_stand_at_the_top(path: str) -> None:
    if path not in LATE_IMPORTS:
        assert inner_imports((ROOT / path).read_text()) == []


@pytest.mark.parametrize("path", sources())
def test_modules_are_short_enough_to_be_read_at_once(path: str) -> None:
    lines = len((ROOT / path).read_text().splitlines())
    assert lines <= MOST_LINES


def test_the_search_covers_the_product() -> None:
    covered = set(sources())
    assert {"contexts/changes.py", "contexts/services/editing.py", "contextsys/settings.py"} <= (
        covered
    )
    assert not [path for path in covered if "migrations" in path or path.startswith("tests")]
    assert Path(ROOT / SERVICES).is_dir()


OFFENDERS = [
    "TaskContext.objects.create(context_id='t')",
    "models.TaskContext.objects.filter(pk=1).update(data={})",
    "ProjectContext(context_id='p').save()",
    "level.model._default_manager.filter(pk=1).delete()",
    "LEVELS['task'].rows('o').update(progress=1)",
    "owned('o', level.model, pk=1).update(data={})",
    "owned('o', BranchContext).delete()",
    "def f(row: Context):\n    row.save()",
    "def f(rows: 'QuerySet[TaskContext]'):\n    rows.delete()",
    "def f(row: TaskContext | None):\n    row.delete()",
    "def f(level):\n    row = services.lock(level, 'o', 't')\n    row.data = {}\n    row.save()",
    "def f():\n    for row in queries.rows_of(level, 'o'):\n        row.save(force_update=True)",
    "def f():\n    [row.delete() for row in level.rows('o')]",
    "def f():\n    if row := access.visible(caller, level, 't'):\n        row.save()",
    "def f(row: TaskContext):\n    copy = row\n    copy.parent.save()",
    "async def f(row: TaskContext):\n    await row.asave()",
    "def f(row: TaskContext):\n    statements.update(row, ['data'])",
    "def f(row: Context):\n    insert([row])",
    "class A(ModelAdmin):\n    def save_model(self, request, obj: TaskContext, form, change):\n"
    "        super().save_model(request, obj, form, change)",
    "cursor.execute('UPDATE task_contexts SET version = 1')",
    "cursor.execute(f'DELETE FROM branch_contexts WHERE id = {x}')",
]
HARMLESS = [
    "services.create(author, TASK, {})",
    "services.update(author, level, 't', edit)",
    "services.delete(author, level, row.context_id)",
    "def f(row: Context):\n    body = present(level, row)\n    body.update(more)",
    "def f(row: Context):\n    seen = {row.context_id}\n    seen.update(others)",
    "owned('o', Change, level=level.name).update(document=None)",
    "Entry.objects.bulk_create(entries)",
    "def f(row: TaskContext):\n    insert([Entry(context_id=row.context_id)])",
    "def f(row: TaskContext):\n    services.update(author, level, row.context_id, edit)",
    "def f(delegation: Delegation):\n    delegation.save()",
    "def f():\n    agent = Agent(agent_id='a')\n    agent.save()",
    "hashlib.sha256().update(b'')",
    "class A(ModelAdmin):\n    def save_model(self, request, obj: Agent, form, change):\n"
    "        super().save_model(request, obj, form, change)",
    "cursor.execute('SELECT * FROM task_contexts')",
    "'An update of the task contexts'",
]


@pytest.mark.parametrize("source", OFFENDERS)
def test_the_search_for_writes_finds(source: str) -> None:
    assert context_writes(source)


@pytest.mark.parametrize("source", HARMLESS)
def test_the_search_for_writes_leaves_alone(source: str) -> None:
    assert context_writes(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "if level == TASK:\n    pass",
        "if level is GLOBAL:\n    pass",
        "x = level.name == 'task'",
        "if self.level is not levels.PROJECT:\n    pass",
        "if change.level in ('task', 'branch'):\n    pass",
        "if 'global' != target_level:\n    pass",
        "match level.name:\n    case 'task':\n        pass",
        "while level is not GLOBAL and x:\n    pass",
    ],
)
def test_the_search_for_levels_finds(source: str) -> None:
    assert level_branches(source)


@pytest.mark.parametrize(
    "source",
    [
        "if level.parent is None:\n    pass",
        "if level in above:\n    pass",
        "if change.level == level.name:\n    pass",
        "if name == 'global':\n    pass",
        "if settings.LOG_LEVEL == 'INFO':\n    pass",
        "x = services.create(author, TASK, {})",
    ],
)
def test_the_search_for_levels_leaves_alone(source: str) -> None:
    assert level_branches(source) == []


def test_the_search_for_imports_finds_those_of_functions_only() -> None:
    assert inner_imports("def f():\n    if x:\n        from a import b")
    assert inner_imports("class A:\n    async def f(self):\n        import a")
    assert inner_imports("import a\nif TYPE_CHECKING:\n    import b\nclass A:\n    import c") == []
