import uuid
from typing import Any

from django.db import migrations, models

DRAWN = {"postgresql": "gen_random_uuid()", "sqlite": "lower(hex(randomblob(16)))"}


def draw(apps: Any, schema_editor: Any) -> None:
    """Gives each change that is there already a stamp of its own."""
    change = apps.get_model("contexts", "Change")
    drawn = DRAWN[schema_editor.connection.vendor]
    schema_editor.execute(f"UPDATE {change._meta.db_table} SET stamp = {drawn}")


class Migration(migrations.Migration):
    dependencies = [("contexts", "0005_calls_to_finish")]

    operations = [
        migrations.AddField(
            model_name="change", name="stamp", field=models.UUIDField(null=True)
        ),
        migrations.RunPython(draw, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name="change", name="stamp", field=models.UUIDField(default=uuid.uuid4)
        ),
    ]
