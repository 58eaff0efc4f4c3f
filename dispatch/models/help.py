"""A run that asks for a person: why, since when, who came and what became of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from dispatch.models.task import AtSites, Run
from fleet.models import Person, Site, new_id


class HelpRequest(models.Model):
    """`taken`: somebody drives or has said that they will.  `answered` and `ended` are final."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "open": ("taken", "answered", "ended"),
        "taken": ("open", "answered", "ended"),
        "answered": (),
        "ended": (),
    }

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="help")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="help")
    state = models.CharField(max_length=8, choices=[(name, name) for name in TRANSITIONS], default="open")
    reason = models.CharField(max_length=40)  # doubt, no_progress, policy_output, ...
    sentence = models.CharField(max_length=300, blank=True)
    doubt = models.FloatField(null=True, blank=True)
    limit = models.FloatField(null=True, blank=True)
    reasoning: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    pictures = models.PositiveIntegerField(default=0)  # of its clip
    opened_at = models.DateTimeField(default=timezone.now)
    taken_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    taken_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=20, blank=True)  # go_on, took_over, end
    needless = models.BooleanField(null=True, blank=True)  # a person's verdict: it need not have asked
    version = models.PositiveIntegerField(default=1)

    objects = AtSites.as_manager()

    class Meta:
        ordering: ClassVar = ["-opened_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run"], condition=Q(state__in=("open", "taken")), name="one_request_at_once")
        ]

    def __str__(self) -> str:
        return f"{self.reason} in {self.run_id}"

    def become(self, state: str, **values: Any) -> bool:
        """False when the row was not in a state that leads there: somebody else was first."""
        sources = [source for source, targets in self.TRANSITIONS.items() if state in targets]
        if state in ("answered", "ended"):
            values["closed_at"] = timezone.now()
        found = HelpRequest.objects.filter(pk=self.pk, state__in=sources)
        changed = found.update(state=state, version=F("version") + 1, **values)
        self.refresh_from_db()
        return bool(changed)
