"""Whether frozen episodes go too stands in a column of its own, no longer in the sentence that says why."""

from django.conf import settings
from django.db import migrations, models


def out_of_the_sentence(apps, schema_editor):
    """Of what a rule has taken out of the lists already; its sentence was the only place that said so."""
    waiting = apps.get_model("episodes", "Episode").objects.exclude(purge_at=None)
    waiting.filter(gone_why__endswith=", frozen or not.").update(purge_frozen=True)


class Migration(migrations.Migration):
    dependencies = [
        ("episodes", "0009_lean_rows"),
        ("fleet", "0006_organisation_quota"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="episode",
            name="purge_frozen",
            field=models.BooleanField(default=False),
        ),
        migrations.RunPython(out_of_the_sentence, migrations.RunPython.noop),
    ]
