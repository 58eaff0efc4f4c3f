"""A policy version: weights that never change, with what they are made of and what may be expected of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone

from fleet.models import Membership, Organisation, Person, new_id
from protocol.errors import Refused

STAGES = ("candidate", "shadow", "canary", "production", "retired")


class PolicyVersionQuerySet(models.QuerySet["PolicyVersion"]):
    def for_person(self, person: Person, roles: tuple[str, ...]) -> PolicyVersionQuerySet:
        """Those of organisations where the person has one of `roles`, at whatever site: robots of every site may run them."""
        return self.filter(organisation__in=Membership.objects.filter(person=person, role__in=roles).values("organisation"))

    def changed_by(self, person: Person, roles: tuple[str, ...]) -> PolicyVersionQuerySet:
        """Those that concern every site, as they all do, are changed by people with one of `roles` in the whole organisation."""
        whole = Membership.objects.filter(person=person, role__in=roles, site=None)
        return self.filter(organisation__in=whole.values("organisation"))

    def usable(self) -> PolicyVersionQuerySet:
        """Those that may still be asked to move a robot or to be learnt on from."""
        return self.filter(withdrawn_reason="").exclude(stage="retired")


class PolicyVersion(models.Model):
    """One version of a policy that an organisation has, by name and number.  Its files lie in `folder` and never change."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "candidate": ("shadow", "canary", "production", "retired"),
        "shadow": ("candidate", "canary", "production", "retired"),
        "canary": ("candidate", "shadow", "production", "retired"),
        "production": ("candidate", "retired"),
        "retired": ("candidate",),
    }

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="policies")
    name = models.CharField(max_length=80)
    number = models.PositiveIntegerField()  # counts up within the name
    stage = models.CharField(max_length=10, default="candidate", choices=[(name, name) for name in STAGES])
    sha256 = models.CharField(max_length=64)  # of card.json, which names the hashes of the other files
    card: models.JSONField[Any, Any] = models.JSONField(default=dict)
    kinds: models.JSONField[Any, Any] = models.JSONField(default=list)  # of robots it can drive: `Embodiment.kind`
    skills: models.JSONField[Any, Any] = models.JSONField(default=list)  # names, such as "reach"
    things: models.JSONField[Any, Any] = models.JSONField(default=list)  # names that its reasoning can give
    cameras: models.JSONField[Any, Any] = models.JSONField(default=dict)  # kind -> {camera: [width, height]} that it wants
    calibration: models.JSONField[Any, Any] = models.JSONField(default=dict)  # of its doubt: {} or {alpha, runs, ...}
    size_bytes = models.PositiveBigIntegerField(default=0)
    base = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    training = models.OneToOneField("policies.Training", on_delete=models.PROTECT, null=True, related_name="made")
    made_by = models.CharField(max_length=120)  # the name, which stays when the person goes
    made_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)  # of this row; a change names the one it saw
    withdrawn_reason = models.CharField(max_length=500, blank=True)

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "name", "number"], name="policy_version_once"),
            models.UniqueConstraint(fields=["organisation", "sha256"], name="policy_content_once"),
        ]

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        return f"{self.name} {self.number}"

    @property
    def folder(self) -> Path:
        """policy.safetensors, config.json, card.json and, where its doubt was calibrated, calibration.safetensors."""
        return Path(settings.REINS_POLICIES_DIR) / self.pk

    def change(self, version: int, **values: Any) -> None:
        """Changes columns for whoever saw `version`.  Refused: `stale_version`, `policy_stage`."""
        stage = values.get("stage", self.stage)
        if stage != self.stage and stage not in self.TRANSITIONS[self.stage]:
            allowed = ", ".join(self.TRANSITIONS[self.stage])
            raise Refused("policy_stage", f"{self.shown} is {self.stage}; from there it may become {allowed}.")
        row = PolicyVersion.objects.filter(pk=self.pk, version=version, stage=self.stage)
        changed = row.update(version=F("version") + 1, **values)
        self.refresh_from_db()
        if not changed:
            raise Refused(
                "stale_version",
                "Somebody changed this policy meanwhile. Look at it again, then repeat.",
                current={"version": self.version, "stage": self.stage},
            )
