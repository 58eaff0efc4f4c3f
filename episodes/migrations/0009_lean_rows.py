"""Rows of episodes that are counted and searched without looking anywhere else; what could not be drawn is remembered."""

from django.conf import settings
from django.db import migrations, models

APART = ["meta", "findings", "comment"]  # bulky, and read only of the episodes that are shown


def lean(apps, schema_editor):
    """PostgreSQL keeps only what is bulky apart from an episode's row.

    A row is brought down to `toast_tuple_target` by moving its largest columns out, ids and instructions among them as soon
    as the target is small; each of those would have to be fetched again for every row that is counted.  "MAIN" keeps them
    in.  Rows that are there are written anew, in the order in which the library shows them.
    """
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            """SELECT attname FROM pg_attribute WHERE attrelid = 'episodes_episode'::regclass AND attnum > 0
               AND NOT attisdropped AND attstorage = 'x' AND attname <> ALL(%s)""",
            [APART],
        )
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        schema_editor.execute(f'ALTER TABLE episodes_episode ALTER COLUMN "{name}" SET STORAGE MAIN')
    schema_editor.execute("ALTER TABLE episodes_episode SET (toast_tuple_target = 512)")
    schema_editor.execute("CLUSTER episodes_episode USING episodes_ep_site_id_0f368d_idx")


class Migration(migrations.Migration):
    dependencies = [
        ("episodes", "0008_library_order"),
        ("fleet", "0006_organisation_quota"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="episode",
            name="gist_failed",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.RunPython(lean, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="episode",
            index=models.Index(fields=["-seconds", "-id"], name="episodes_ep_seconds_609c4f_idx"),
        ),
        migrations.AddIndex(
            model_name="episodeperson",
            index=models.Index(fields=["name", "episode"], name="episodes_ep_name_bb9fdf_idx"),
        ),
    ]
