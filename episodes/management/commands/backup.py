"""`manage.py backup FILE`: database, episodes, keys and audit heads of one moment in one file.  The site may go on working."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes.backup.site import back_up, named
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = back_up(options["file"], self.stdout.write)
        except (Refused, OSError) as error:
            raise CommandError(error.sentence if isinstance(error, Refused) else str(error)) from error
        rows, size = sum(done.rows.values()), done.size_bytes / 1e6
        self.stdout.write(f"{options['file']}: {rows} rows, {done.files} files, {size:.1f} MB. It holds keys: keep it safe.")
        if done.missing:
            raise CommandError(f"The backup is kept, but {named(done.missing)}")
