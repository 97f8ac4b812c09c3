from typing import Any

from django.db import migrations, models


def forget(apps: Any, schema_editor: Any) -> None:
    """The next page of the hub's feed tells where it stands by stamps."""
    apps.get_model("syncing", "Link").objects.update(last_stamp=None)
    apps.get_model("syncing", "Checkpoint").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("syncing", "0001_journal_and_hub"), ("contexts", "0006_change_stamp")]

    operations = [
        migrations.RenameField("link", "last_mutation", "last_stamp"),
        migrations.RenameField("checkpoint", "mutation_id", "stamp"),
        migrations.RunPython(forget, migrations.RunPython.noop, elidable=True),
    ]
