"""`manage.py import_lerobot FOLDER --site SITE [--robot NAME]`: a LeRobot dataset (v2.0, v2.1, v3) becomes episodes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes.services import imports
from fleet.models import Site
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--site", default="", help="name of the site it goes to; may be left out where there is only one")
        parser.add_argument("--robot", default="", help="robot it stands for; its name is made from the folder's otherwise")
        parser.add_argument("--pilot", choices=imports.PILOTS, default="operator", help="who drove, where that is not said")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        asked_to_end: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: asked_to_end.append(received))
        name = options["robot"] or f"{folder.absolute().name[:29]} (imported)"
        try:
            done = imports.import_lerobot(
                folder, _site(options["site"]), name, "manage.py", options["pilot"], self._progress, lambda: bool(asked_to_end)
            )
        except Refused as refused:
            raise CommandError(f"{refused.sentence} ({refused.code})") from refused
        for note in done.notes:
            self.stderr.write(f"{note.sentence} ({note.code})")
        self.stdout.write(f"{done.robot.name}: {len(done.made)} episodes brought in, {done.there} were there already")

    def _progress(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{done} of {total} episodes", ending="")


def _site(name: str) -> Site:
    found = Site.objects.filter(name=name) if name else Site.objects.all()
    sites = list(found[:2])
    if len(sites) != 1:
        raise CommandError(f"{'No site' if not sites else 'More than one site'} of that name. Give --site the name of one.")
    return sites[0]
