"""`manage.py verify_erasure FILE [--server-key KEY]`: whether a record is signed, and whether all it names is gone here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes.services import forgetting
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--server-key", help="base64; this server's own key when it is left out")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            kept = json.loads(options["file"].read_text())
            said = forgetting.verify(str(kept["record"]), str(kept["signature"]), options["server_key"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{options['file']} is no record of an erasure: {error}.") from error
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        left = forgetting.still_there(said)
        if left:
            raise CommandError(f"The signature is right, but {len(left)} of the episodes are still here: {left[0]}.")
        episodes, versions = len(said["episodes"]), len(said["dataset_versions"])
        self.stdout.write(f"Signed {said['done_at']}: {episodes} episodes deleted, {versions} dataset versions withdrawn.")
