from typing import Any

from django.db import migrations, models

PARENTS = {"branch": ("project", "project_id"), "task": ("branch", "branch_id")}
UNKNOWN = {"project": "", "branch": "/", "task": "//"}


def tell_paths(apps: Any, schema_editor: Any) -> None:
    """Gives the changes that are there already their paths, from the documents before them."""
    change = apps.get_model("contexts", "Change")
    paths: dict[tuple[str, str, str], str] = {}
    told = []
    for row in change.objects.order_by("organization_id", "seq").iterator(chunk_size=500):
        if row.level not in UNKNOWN:
            continue
        key = (row.organization_id, row.level, row.context_id)
        parent, field = PARENTS.get(row.level, ("", ""))
        named = (row.document or {}).get(field)
        if named is not None:
            above = paths.get((row.organization_id, parent, named), UNKNOWN[parent] + named)
            paths[key] = f"{above}/{row.context_id}"
        row.path = paths.setdefault(key, UNKNOWN[row.level] + row.context_id)
        told.append(row)
        if len(told) == 500:
            change.objects.bulk_update(told, ["path"])
            told = []
    change.objects.bulk_update(told, ["path"])


class Migration(migrations.Migration):
    dependencies = [("contexts", "0003_change_from_hub")]

    operations = [
        migrations.AddField(
            model_name="change",
            name="path",
            field=models.CharField(blank=True, default="", max_length=110),
            preserve_default=False,
        ),
        migrations.RunPython(tell_paths, migrations.RunPython.noop, elidable=True),
    ]
