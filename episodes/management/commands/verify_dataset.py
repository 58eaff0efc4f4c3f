"""`manage.py verify_dataset NAME[:NUMBER]`: reads every stored byte of frozen versions again and names what differs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes.models import Dataset, DatasetVersion
from episodes.services import datasets
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", nargs="?", default="", help="name or id, and :NUMBER for one version; all when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        damaged = 0
        for version in versions(options["dataset"]):
            if version.state != "frozen":
                self.stdout.write(f"{version}: withdrawn, not read")
                continue
            try:
                found = datasets.verify(version)
            except Refused as refused:
                self.stderr.write(f"{version}: {refused.sentence}")
                damaged += 1
                continue
            for damage in found:
                self.stderr.write(f"{version}: {damage.sentence}")
            damaged += bool(found)
            self.stdout.write(f"{version}: {version.episodes} episodes, {len(found)} damaged files, sha256 {version.digest}")
        if damaged:
            raise CommandError(f"Versions with damage: {damaged}. Do not train on them.")


def versions(asked: str) -> list[DatasetVersion]:
    """Those that `asked` names ("", "tabletop", "tabletop:3", an id for the name); CommandError when there are none."""
    name, _, number = asked.rpartition(":") if asked.rpartition(":")[2].isdecimal() else (asked, "", "")
    found = DatasetVersion.objects.select_related("dataset").order_by("dataset", "number")
    if name:
        chosen = Dataset.objects.filter(pk=name) or Dataset.objects.filter(name=name)
        found = found.filter(dataset__in=[dataset.pk for dataset in chosen])
    if number:
        found = found.filter(number=int(number))
    if not (rows := list(found)):
        raise CommandError(f"There is no frozen version {asked!r}. Name a dataset, or DATASET:NUMBER.")
    return rows
