"""What people say of episodes: each reviewer's own label, marks in the picture, kinds of failure, earlier instructions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from episodes.models.episode import Episode
from fleet.models import Organisation, Person
from protocol.errors import Refused

FAILURES = (
    "missed grasp", "dropped", "slip", "wrong object", "wrong place", "collision", "out of reach", "too slow",
    "gave up", "robot fault",
)  # fmt: skip


class Review(models.Model):
    """How one person said that an episode ended.  `blind`: given without seeing what others said."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="reviews")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="reviews")
    outcome = models.CharField(max_length=12, choices=[(name, name) for name in Episode.OUTCOMES])
    failure = models.CharField(max_length=40, blank=True)
    quality = models.PositiveSmallIntegerField(null=True, blank=True)
    blind = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["episode", "person"], name="review_once_a_person")]

    def __str__(self) -> str:
        return f"{self.person} on {self.episode_id}: {self.outcome}"


class Mark(models.Model):
    """A named point or box in one camera's picture at one row.

    `x`, `y` are the left upper corner and `width`, `height` the size, all as shares of the picture; a point has no size.
    """

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="marks")
    row = models.PositiveIntegerField()
    camera = models.CharField(max_length=40)
    name = models.CharField(max_length=60)
    x = models.FloatField()
    y = models.FloatField()
    width = models.FloatField(default=0.0)
    height = models.FloatField(default=0.0)
    person = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True)
    at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["row", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(x__gte=0, y__gte=0, width__gte=0, height__gte=0, x__lte=1, y__lte=1), name="mark_in_picture"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.camera} at row {self.row}"

    def change(self, version: int, **values: Any) -> None:
        """For whoever saw `version`; `Refused("stale_version")` otherwise."""
        changed = Mark.objects.filter(pk=self.pk, version=version).update(version=F("version") + 1, **values)
        if not changed:
            raise Refused("stale_version", "Somebody changed this mark meanwhile. Look at it again, then repeat.")
        self.refresh_from_db()


class Taxonomy(models.Model):
    """The kinds of failure that an organisation tells apart, in the order they are offered.  No row: `FAILURES`."""

    organisation = models.OneToOneField(Organisation, on_delete=models.CASCADE, primary_key=True, related_name="taxonomy")
    failures: models.JSONField[Any, Any] = models.JSONField(default=list)  # list of str
    version = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"Kinds of failure of {self.organisation}"


class InstructionVersion(models.Model):
    """An instruction as a person wrote it here.  The recorded one is in the folder and has a number of its own."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="instructions")
    number = models.PositiveIntegerField()
    text = models.CharField(max_length=500, blank=True)
    person = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["episode", "number"], name="instruction_number_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.text[:40]}"
