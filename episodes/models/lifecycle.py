"""How long episodes are kept, and what had to go: rules of a site, erasures of a person's episodes with their record."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from fleet.models import Organisation, Site, new_id
from protocol.errors import Refused

SILENT = datetime.timedelta(seconds=15)  # an erasure whose heart has not beaten for so long is gone on with


class Retention(models.Model):
    """The rules of one site.  `rules`: [{kind, days, frozen}]; see `episodes.services.retention`."""

    KINDS = ("success", "failure", "unlabelled", "unreviewed", "rejected", "removed")

    site = models.OneToOneField(Site, on_delete=models.CASCADE, primary_key=True, related_name="retention")
    rules: models.JSONField[Any, Any] = models.JSONField(default=list)
    grace_days = models.PositiveSmallIntegerField(default=7)  # from taken out of the lists to gone
    version = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"Retention at {self.site}"

    def change(self, version: int, **values: Any) -> None:
        """For whoever saw `version`; `Refused("stale_version")` otherwise."""
        changed = Retention.objects.filter(pk=self.pk, version=version).update(version=F("version") + 1, **values)
        self.refresh_from_db()
        if not changed:
            raise Refused(
                "stale_version",
                "Somebody changed these rules meanwhile. Look at them again.",
                current={"version": self.version, "rules": self.rules, "grace_days": self.grace_days},
            )


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def orphaned(self) -> ErasureQuerySet:
        """Nobody does them, or whoever did has fallen silent."""
        silent = Q(heartbeat=None) | Q(heartbeat__lt=timezone.now() - SILENT)
        return self.filter(silent, state__in=("asked", "running"))


class Erasure(models.Model):
    """A person's episodes had to go.  asked -> running -> done; what is begun is finished, never taken back.

    Names nobody: `person_hash` is the sha256 of the person's id.  `record` is canonical JSON, signed with the server's key.
    """

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {"asked": ("running",), "running": ("running", "done"), "done": ()}

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="erasures")
    person_hash = models.CharField(max_length=64, db_index=True)
    account = models.CharField(max_length=32, blank=True)  # id of the person whose account goes too; empty when done
    reason = models.CharField(max_length=300)
    asked_by = models.CharField(max_length=120)
    asked_at = models.DateTimeField(default=timezone.now)
    episodes: models.JSONField[Any, Any] = models.JSONField(default=dict)  # id -> path -> sha256 of each file that goes
    done = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, default="asked", choices=[(name, name) for name in TRANSITIONS])
    fence = models.PositiveIntegerField(default=0)
    heartbeat = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    record = models.TextField(blank=True)
    signature = models.CharField(max_length=100, blank=True)  # base64 Ed25519 over the bytes of `record`

    objects = ErasureQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        indexes: ClassVar = [models.Index(fields=["state", "heartbeat"])]

    def __str__(self) -> str:
        return f"Erasure {self.pk[:8]}: {self.state}"

    def claim(self) -> int | None:
        """A fence for whoever does it now; None when somebody does already or it is done."""
        row = Erasure.objects.orphaned().filter(pk=self.pk, fence=self.fence)
        changed = row.update(state="running", fence=F("fence") + 1, heartbeat=timezone.now())
        self.refresh_from_db()
        return self.fence if changed else None

    def beat(self, fence: int, done: int) -> bool:
        """False when another has gone on with it since, so that this one may stop."""
        row = Erasure.objects.filter(pk=self.pk, fence=fence, state="running")
        return bool(row.update(heartbeat=timezone.now(), done=done))

    def end(self, fence: int, record: str, signature: str) -> bool:
        row = Erasure.objects.filter(pk=self.pk, fence=fence, state="running")
        values = {"record": record, "signature": signature, "ended_at": timezone.now(), "account": ""}
        changed = row.update(state="done", done=len(self.episodes), **values)
        self.refresh_from_db()
        return bool(changed)
