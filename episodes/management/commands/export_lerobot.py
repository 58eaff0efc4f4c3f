"""`manage.py export_lerobot DATASET[:NUMBER] FOLDER [--copy]`: a frozen dataset version as a LeRobot v3.0 dataset.

Without a number the newest version.  In place of a dataset the path of a manifest's JSON will do.
"""

from __future__ import annotations

import hashlib
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes import storage
from episodes.data.lerobot.export import export
from episodes.data.lerobot.video_out import CHOICES
from episodes.data.lerobot.work import Options
from episodes.data.manifest import SPLITS, Manifest
from episodes.management.commands.verify_dataset import versions
from episodes.models import DatasetVersion
from fleet import audit
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", help="name or id of a dataset, :NUMBER for one version; or the path of a manifest")
        parser.add_argument("folder", type=Path, help="must not exist")
        parser.add_argument("--copy", action="store_true", help="take the video as it was recorded, where that is possible")
        parser.add_argument("--codec", choices=CHOICES, default="h264")
        parser.add_argument("--split", choices=("", *SPLITS), default="", help="only these episodes")
        parser.add_argument("--names", action="store_true", help="let people's names go along")
        parser.add_argument("--workers", type=int, default=Options().workers)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = Options(**{name: options[name] for name in ("codec", "copy", "split", "names", "workers")})
        asked_to_end: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: asked_to_end.append(received))
        try:
            manifest, version = _manifest(options["version"])
            done = export(
                manifest, storage.folder, options["folder"].absolute(), wanted, self._progress, lambda: bool(asked_to_end)
            )
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        if version is not None:
            whose = version.dataset.organisation_id
            audit.append("manage.py", "dataset_exported", str(version), whose, digest=version.digest, rows=done.rows)
        self.stdout.write(
            f"{done.folder}: {done.episodes} episodes, {done.rows} rows, {done.pictures} pictures, {done.copied} videos copied"
        )

    def _progress(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{100 * done // total} %", ending="")


def _manifest(asked: str) -> tuple[Manifest, DatasetVersion | None]:
    path = Path(asked)
    if path.suffix == ".json" and path.is_file():
        raw = path.read_bytes()
        try:
            return msgspec.json.decode(raw, type=Manifest), None
        except msgspec.DecodeError as error:
            digest = hashlib.sha256(raw).hexdigest()[:8]
            raise Refused("manifest", f"{asked} ({digest}) is no manifest: {error}.") from error
    version = versions(asked)[-1]
    if version.state != "frozen":
        raise Refused("version_withdrawn", f"{version} was withdrawn: {version.withdrawn_reason}.")
    return version.content(), version
