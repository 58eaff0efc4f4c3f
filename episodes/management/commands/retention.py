"""`manage.py retention [--run]`: what each site's rules would take out of the lists now; with `--run` does the day's work."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from episodes.models import Retention
from episodes.services import retention


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--run", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        for row in Retention.objects.exclude(rules=[]).select_related("site"):
            for found in retention.preview(row.site, retention.rules_of(row)):
                kept = f"; {found.kept} stay because a frozen dataset version holds them" if found.kept else ""
                what = f"{found.rule.kind} for {found.rule.days} days"
                size = f"{found.size_bytes / 1e9:.2f} GB"
                self.stdout.write(f"{row.site}, {what}: would delete {found.episodes} episodes, {size}{kept}.")
        if options["run"]:
            out, gone = retention.run()
            self.stdout.write(f"{out} episodes taken out of the lists, {gone} gone for good.")
