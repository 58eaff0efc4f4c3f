"""`manage.py check_episodes [ID ...] [--all] [--found CODE]`: checks episodes again, here and now, and prints what was found.

Without anything it checks those that wait; with ids those; with `--found` those with that finding; with `--all` every one.
Labels and trims stay.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from episodes import jobs
from episodes.models import Episode, EpisodeQuerySet
from episodes.services.checks import check_again


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("episodes", nargs="*", metavar="ID")
        parser.add_argument("--all", action="store_true", help="every episode that was not removed")
        parser.add_argument("--found", metavar="CODE", default="", help="those with this finding")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(options)
        counted: Counter[str] = Counter()
        for episode in chosen.order_by("number").iterator(chunk_size=100):
            if episode.status != "received":
                check_again(episode, "manage.py check_episodes")
            jobs.check_episode(episode.pk)
            episode.refresh_from_db()
            counted[episode.status] += 1
            self.stdout.write(f"{episode} {episode.pk} {episode.status}")
            for finding in episode.findings.get("findings", []):
                self.stdout.write(f"  {finding['severity']:7} {finding['code']:16} {finding['sentence']}")
        self.stdout.write(", ".join(f"{count} {status}" for status, count in sorted(counted.items())) or "Nothing to check.")

    def _chosen(self, options: dict[str, Any]) -> EpisodeQuerySet:
        episodes = Episode.objects.present()
        if options["episodes"]:
            chosen = episodes.filter(pk__in=options["episodes"])
            if missing := set(options["episodes"]) - set(chosen.values_list("pk", flat=True)):
                raise CommandError(f"There is no episode {sorted(missing)[0]}.")
            return chosen
        if options["found"]:
            return episodes.filter(finding_codes__contains=f"|{options['found']}|")
        return episodes if options["all"] else Episode.objects.unchecked()
