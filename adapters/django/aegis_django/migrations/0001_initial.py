"""The name of the trail's entries; no table is made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Nothing in the database but what ``auth`` and ``contenttypes`` make of a model."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="TrailEntry",
            fields=[("index", models.BigIntegerField(primary_key=True, serialize=False))],
            options={
                "verbose_name": "entry",
                "verbose_name_plural": "audit trail",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    )
