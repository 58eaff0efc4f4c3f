"""`manage.py restore FILE [--force]`: puts a backup back, into SQLite or PostgreSQL, wherever it came from.

Stop the site first.  Everything is read and proven before anything changes; a site that holds data needs --force.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes.backup.site import named, restore
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--force", action="store_true", help="replace what is here")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = restore(options["file"], options["force"])
        except (Refused, OSError) as error:
            raise CommandError(error.sentence if isinstance(error, Refused) else str(error)) from error
        rows = sum(done.rows.values())
        more = f" {done.adopted} episodes that arrived meanwhile were taken in." if done.adopted else ""
        self.stdout.write(f"Restored {rows} rows and {done.files} files; every checksum and the audit log are right.{more}")
        if done.forgotten:
            self.stdout.write(f"{done.forgotten} deletions are newer than this backup and were done again.")
        if done.missing:
            raise CommandError(f"Everything in the backup was put back, but {named(done.missing)}")
