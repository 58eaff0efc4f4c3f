"""`manage.py do_dataset_job ID FENCE`: the child process in which an export or a proof is done.  A worker starts it."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from episodes.models import DatasetJob
from episodes.services import dataset_jobs


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job")
        parser.add_argument("fence", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        os.nice(10)  # people drive and look meanwhile
        job = DatasetJob.objects.select_related("version__dataset").filter(pk=options["job"], fence=options["fence"]).first()
        if job is None:
            raise CommandError("There is no such work, or another process has it.")
        dataset_jobs.work(job, options["fence"])
