"""`manage.py export_mcap EPISODE FILE`: one episode as an MCAP file, to look at in Foxglove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes import storage
from episodes.data.mcap_export import export_mcap
from episodes.models import Episode
from fleet import audit
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("episode", help="its id")
        parser.add_argument("file", type=Path, help="must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        episode = Episode.objects.filter(pk=options["episode"]).first()
        if episode is None:
            raise CommandError("There is no such episode. The id stands in the address of its page.")
        try:
            meta = export_mcap(storage.folder(episode.pk), options["file"].absolute())
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        audit.append("manage.py", "episode_exported", episode.pk, episode.organisation_id, format="mcap")
        self.stdout.write(f"{options['file']}: {meta.rows} rows, {len(meta.cameras)} cameras")
