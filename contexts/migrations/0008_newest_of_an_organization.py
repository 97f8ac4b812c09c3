"""Lists go through an organization's rows from the newest on, without sorting them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contexts', '0007_search_windows'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='branchcontext',
            index=models.Index(fields=['organization', 'row_id'], name='idx_branch_contexts_newest'),
        ),
        migrations.AddIndex(
            model_name='taskcontext',
            index=models.Index(fields=['organization', 'row_id'], name='idx_task_contexts_newest'),
        ),
    ]
