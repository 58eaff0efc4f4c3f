"""A server of one policy: long work that is begun when robots ask and ends when none does.  The row is the truth of the work."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fleet.long_work import LongWork, LongWorkQuerySet
from fleet.models import new_id
from policies.models.version import PolicyVersion


class PolicyServer(LongWork):
    """The `place`-th server of a policy.  The same row is begun again when robots ask again."""

    TRANSITIONS: ClassVar = {
        "queued": ("running", "cancelled", "done"),
        "running": ("running", "queued", "done", "failed", "cancelled"),
        "done": ("queued",),
        "failed": ("queued",),
        "cancelled": ("queued",),
    }
    SILENT: ClassVar = datetime.timedelta(seconds=4)  # robots stand still meanwhile: sooner than other work
    REST: ClassVar = datetime.timedelta(seconds=30)  # before what has failed is tried again
    AGAIN: ClassVar[dict[str, Any]] = {"ready_at": None, "deaths": 0, "problem": "", "problem_code": ""}

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    policy = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="servers")
    place = models.PositiveSmallIntegerField(default=0)
    began_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)  # since when it answers
    deaths = models.PositiveIntegerField(default=0)  # of its process, since it began
    problem_code = models.CharField(max_length=60, blank=True)

    objects: ClassVar[Any] = LongWorkQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["policy", "place"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["policy", "place"], name="policy_server_once")]
        indexes: ClassVar = [models.Index(fields=["state", "heartbeat"])]

    def __str__(self) -> str:
        return f"server {self.place} of {self.policy_id}: {self.state}"

    def ask(self) -> bool:
        """Robots ask: work that has ended waits for a worker again.  True when somebody must be told to look at it."""
        now = timezone.now()
        ended = Q(state__in=("done", "cancelled")) | Q(state="failed", ended_at__lt=now - self.REST)
        row = PolicyServer.objects.filter(ended, pk=self.pk)
        row.update(state="queued", asked_at=now, cancelled_by="", ended_at=None, ready_at=None, problem="", problem_code="")
        return bool(PolicyServer.objects.orphaned().filter(pk=self.pk).exists())
