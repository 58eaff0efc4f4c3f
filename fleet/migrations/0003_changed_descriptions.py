from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0002_new_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="robot",
            name="embodiment_offered",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
