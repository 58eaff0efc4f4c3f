"""`manage.py verify_audit`: exit 0 when the chain is whole, else 1 and one line for each tampered or missing row."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from fleet import audit
from fleet.models import AuditEntry


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        found = [*audit.problems(), *self._heads()]
        for sentence in found:
            self.stdout.write(sentence)
        if found:
            sys.exit(1)
        self.stdout.write(f"{AuditEntry.objects.count()} entries, the chain is whole.")

    def _heads(self) -> list[str]:
        """Daily heads written outside the database must still be in it."""
        problems = []
        for path in sorted((Path(settings.REINS_DATA_DIR) / "audit-heads").glob("*.json")):
            head = json.loads(path.read_text())
            kept = AuditEntry.objects.filter(number=head["number"]).values_list("chain", flat=True).first()
            if head["number"] and kept != head["chain"]:
                problems.append(f"Entry {head['number']} is not what it was at {head['at']}: it was changed or cut away.")
        return problems
