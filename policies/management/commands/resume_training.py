"""`manage.py resume_training ID`: a training that its machine failed goes on from its last checkpoint."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from policies.models import Training
from policies.services import trainings
from protocol.errors import Refused


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("training", help="its id, as in the address of its page")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Training.objects.filter(pk=options["training"]).first()
        if found is None:
            raise CommandError("There is no such training.")
        try:
            trainings.resume(found)
        except Refused as refused:
            raise CommandError(f"{refused.sentence} ({refused.code})") from refused
        self.stdout.write(f"{found.name} waits for a worker.")
