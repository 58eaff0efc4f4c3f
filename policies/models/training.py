"""A training: one run of fine-tuning, with everything that is needed to repeat it.  The row is the truth of the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from episodes.models import Dataset, DatasetVersion
from episodes.models.dataset import DatasetQuerySet
from fleet.long_work import LongWork, LongWorkQuerySet
from fleet.models import Organisation, Person, new_id


class TrainingQuerySet(LongWorkQuerySet["Training"]):
    def for_person(self, person: Person, roles: tuple[str, ...]) -> TrainingQuerySet:
        """Those of datasets that the person may see in one of `roles`: their pictures are shown."""
        return self.filter(dataset_version__dataset__in=Dataset.objects.for_person(person, roles))

    def in_order(self) -> TrainingQuerySet:
        """As the queue does them."""
        return self.open().order_by("asked_at", "pk")


class Training(LongWork):
    """What came of it, where it is done, is the PolicyVersion whose `training` it is."""

    AGAIN: ClassVar[dict[str, Any]] = {"doing": ""}

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="trainings")
    name = models.CharField(max_length=80)  # of the policy that it makes
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="trainings")
    dataset_digest = models.CharField(max_length=64)
    base = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, null=True, related_name="trainings")
    config: models.JSONField[Any, Any] = models.JSONField(default=dict)  # policies.learning.config.Config, without places
    seed = models.PositiveIntegerField(default=0)
    code_version = models.CharField(max_length=80, blank=True)
    machine: models.JSONField[Any, Any] = models.JSONField(default=dict)  # name, processor, accelerators, torch
    asked_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")
    began_at = models.DateTimeField(null=True)
    doing = models.CharField(max_length=120, blank=True)  # in words
    step = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    resumed = models.PositiveIntegerField(default=0)  # how often it went on after its process had died
    problem_code = models.CharField(max_length=60, blank=True)
    next_action = models.CharField(max_length=300, blank=True)  # what a person can do about the problem
    figures: models.JSONField[Any, Any] = models.JSONField(default=dict)  # of the end: held-out errors, seconds

    objects = TrainingQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        indexes: ClassVar = [models.Index(fields=["state", "heartbeat"])]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    @staticmethod
    def datasets_for(person: Person, roles: tuple[str, ...]) -> DatasetQuerySet:
        """Those that the person may train on."""
        return Dataset.objects.for_person(person, roles).present()

    def let_go(self, fence: int) -> bool:
        """Another worker may go on with it at once."""
        return bool(Training.objects.filter(pk=self.pk, fence=fence, state="running").update(heartbeat=None, owner=""))

    @property
    def folder(self) -> Path:
        """Where it works: metrics.jsonl, samples/, what going on needs, and in the end the policy."""
        return Path(settings.REINS_POLICIES_DIR) / "trainings" / self.pk
