"""`manage.py forget_person NAME --organisation LAB --reason WHY`: says what would go; with `--yes` deletes it.

NAME is who signs in, or the id that robots know.  The signed record goes to standard output, or to `--record FILE`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes.services import forgetting
from fleet.models import Organisation, Person
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person")
        parser.add_argument("--organisation", required=True)
        parser.add_argument("--reason", default="")
        parser.add_argument("--account", action="store_true", help="delete what is known of the person besides, too")
        parser.add_argument("--yes", action="store_true", help="do it; there is no way back")
        parser.add_argument("--record", type=Path, help="where the signed record goes")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(name=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation {options['organisation']!r}.")
        person = Person.objects.filter(username=options["person"]).first()
        uid = person.uid if person else options["person"]
        found = forgetting.preview(uid, organisation)
        if person is None and not found.episodes:
            raise CommandError(f"Nobody is called {uid!r}, and nobody with this id drove in an episode of {organisation}.")
        size = f"{found.size_bytes / 1e6:.1f} MB, {found.seconds / 60:.0f} min"
        self.stdout.write(f"{found.episodes} episodes ({size}), {len(found.versions)} dataset versions that held some of them.")
        for user in found.users:
            self.stdout.write(f"Had used one of those versions: {user['kind']} {user['name']}")
        if not options["yes"]:
            self.stdout.write("Nothing was deleted. Add --yes and --reason to delete them for good.")
            return
        self._delete(uid, organisation, options)

    def _delete(self, uid: str, organisation: Organisation, options: dict[str, Any]) -> None:
        try:
            erasure = forgetting.ask(uid, organisation, options["reason"], "manage.py", options["account"])
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        if not forgetting.run(erasure):
            raise CommandError(f"A worker does it already. Its signed record is on the page of privacy as {erasure.pk}.")
        erasure.refresh_from_db()
        text = json.dumps({"record": erasure.record, "signature": erasure.signature}, ensure_ascii=False)
        if options["record"]:
            options["record"].write_text(text)
            self.stdout.write(f"Deleted. The signed record is {options['record']}.")
        else:
            self.stdout.write(text)
