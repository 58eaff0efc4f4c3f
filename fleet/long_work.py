"""Long work: the row is the truth of who does it.  Whoever holds the newest `fence` may write; everybody else changes nothing."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

Work = TypeVar("Work", bound="LongWork")


class LongWorkQuerySet(models.QuerySet[Work]):
    def orphaned(self) -> Self:
        """Nobody does them, or whoever did has fallen silent."""
        silent = Q(heartbeat=None) | Q(heartbeat__lt=timezone.now() - self.model.SILENT)
        return self.filter(Q(state="queued") | (silent & Q(state="running")))

    def open(self) -> Self:
        return self.filter(state__in=("queued", "running"))


class LongWork(models.Model):
    """queued -> running -> done, failed or cancelled."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "queued": ("running", "cancelled"),
        "running": ("running", "done", "failed", "cancelled"),
        "done": (),
        "failed": (),
        "cancelled": (),
    }
    SILENT: ClassVar = datetime.timedelta(seconds=15)  # work whose heart has not beaten for so long is begun again
    AGAIN: ClassVar[dict[str, Any]] = {}  # columns that start over with each claim

    state = models.CharField(max_length=10, default="queued", choices=[(name, name) for name in TRANSITIONS])
    asked_at = models.DateTimeField(default=timezone.now)
    owner = models.CharField(max_length=80, blank=True)  # machine and process that does it
    fence = models.PositiveIntegerField(default=0)
    heartbeat = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=120, blank=True)  # asked to end
    problem = models.CharField(max_length=500, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def _rows(self) -> LongWorkQuerySet[Self]:
        return LongWorkQuerySet(type(self)).filter(pk=self.pk)

    def claim(self, owner: str) -> int | None:
        """A fence for whoever does it now; None when somebody does already or it has ended."""
        row = self._rows().orphaned().filter(fence=self.fence)
        now = timezone.now()
        changed = row.update(state="running", owner=owner[:80], fence=F("fence") + 1, heartbeat=now, **self.AGAIN)
        self.refresh_from_db()
        return self.fence if changed else None

    def beat(self, fence: int, **progress: Any) -> bool:
        """Says that the work goes on; False when it must end (another has it, or a person asked)."""
        row = self._rows().filter(fence=fence, state="running", cancelled_by="")
        return bool(row.update(heartbeat=timezone.now(), **progress))

    def ask_to_end(self, who: str) -> bool:
        """A queued one ends at once, a running one when its process next looks.  False when it has ended already."""
        there = self._rows().filter(cancelled_by="")
        changed = there.filter(state="queued").update(state="cancelled", cancelled_by=who[:120], ended_at=timezone.now())
        changed = changed or there.filter(state="running").update(cancelled_by=who[:120])
        self.refresh_from_db()
        return bool(changed)

    def end(self, fence: int, state: str, **values: Any) -> bool:
        sources = [source for source, targets in self.TRANSITIONS.items() if state in targets]
        row = self._rows().filter(fence=fence, state__in=sources)
        if state == "done":  # not what a person, or an erasure, has asked to end
            row = row.filter(cancelled_by="")
        changed = row.update(state=state, ended_at=timezone.now(), **values)
        self.refresh_from_db()
        return bool(changed)
