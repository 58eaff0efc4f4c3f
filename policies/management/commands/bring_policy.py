"""`manage.py bring_policy FOLDER [--organisation NAME] [--name NAME]`: a policy's folder comes in.  Safe to repeat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fleet.models import Organisation
from policies.services import registry
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--organisation", default="", help="whose it is; may be left out where there is only one")
        parser.add_argument("--name", default="", help="of the policy, where it is not the one on its card")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            brought = registry.bring(options["folder"], _organisation(options["organisation"]), None, options["name"])
        except Refused as refused:
            raise CommandError(f"{refused.sentence} ({refused.code})") from refused
        self.stdout.write(json.dumps({"id": brought.pk, "shown": brought.shown, "stage": brought.stage}))


def _organisation(name: str) -> Organisation:
    found = Organisation.objects.filter(name=name) if name else Organisation.objects.all()
    rows = list(found[:2])
    if len(rows) != 1:
        raise CommandError(f"{'No' if not rows else 'More than one'} organisation of that name. Name it with --organisation.")
    return rows[0]
