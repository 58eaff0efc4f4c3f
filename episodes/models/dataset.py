"""Datasets: a choice of episodes that may change (the draft), and frozen versions of it that never do."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import msgspec
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from episodes.data.manifest import Manifest
from episodes.models.episode import Episode
from fleet.models import Membership, Organisation, Person, Site, new_id
from protocol.errors import Refused


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def for_person(self, person: Person, roles: tuple[str, ...]) -> DatasetQuerySet:
        """Those of organisations where the person has one of `roles`; with a role at one site only, those of that site."""
        memberships = Membership.objects.filter(person=person, role__in=roles)
        everywhere = memberships.filter(site=None).values("organisation")
        here = memberships.exclude(site=None).values("site")
        return self.filter(Q(organisation__in=everywhere) | Q(site__in=here))

    def present(self) -> DatasetQuerySet:
        return self.filter(removed_at=None)


class Dataset(models.Model):
    """A choice of episodes of one organisation, or of one of its sites.

    The draft is whatever matches `query` while `follows` is on, and the hand-picked ones, without those taken out by hand.
    """

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="datasets")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, related_name="datasets")
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=1000, blank=True)
    follows = models.BooleanField(default=False)
    query = models.CharField(max_length=2000, blank=True)  # a filter of the library, as in its address
    validation_share = models.FloatField(default=0.1)
    seed = models.PositiveIntegerField(default=0)  # of the split
    weights: models.JSONField[Any, Any] = models.JSONField(default=dict)  # weight by tag
    version = models.PositiveIntegerField(default=1)  # of this row; a change names the one it saw
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "name"], condition=Q(removed_at=None), name="dataset_name_once"),
            models.CheckConstraint(
                condition=Q(validation_share__gte=0) & Q(validation_share__lte=0.9), name="dataset_validation_share"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def change(self, version: int, **values: Any) -> None:
        """Changes columns for whoever saw `version`; `Refused("stale_version")` with the current row otherwise."""
        changed = Dataset.objects.filter(pk=self.pk, version=version).update(version=F("version") + 1, **values)
        self.refresh_from_db()
        if not changed:
            raise Refused(
                "stale_version",
                "Somebody changed this dataset meanwhile. Look at it again, then repeat.",
                current={"version": self.version, "name": self.name, "query": self.query, "follows": self.follows},
            )


class DraftPick(models.Model):
    """An episode that a person put into a draft or took out of it by hand, whatever the filter says."""

    KINDS = ("added", "removed")

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="picks")
    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="picks")
    kind = models.CharField(max_length=8, choices=[(name, name) for name in KINDS])
    by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["dataset", "episode"], name="pick_once")]
        indexes: ClassVar = [models.Index(fields=["dataset", "kind"])]

    def __str__(self) -> str:
        return f"{self.episode_id[:8]} {self.kind}"


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
    """Only reads: what is frozen is never changed; `DatasetVersion.withdraw` is the one way on."""

    def described(self) -> DatasetVersionQuerySet:
        """With what it is called and comes from, without manifests: those are read where they are needed, megabytes each."""
        return self.select_related("dataset", "dataset__organisation", "parent").defer("manifest", "parent__manifest")

    def update(self, **values: Any) -> int:
        raise TypeError("A dataset version never changes.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("A dataset version never goes; it can be withdrawn.")


class DatasetVersion(models.Model):
    """A frozen dataset: the manifest with its hash, where it came from and why.

    frozen -> withdrawn: content of it had to go (a person's data); hashes and lineage stay, nobody may train on it.
    """

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {"frozen": ("withdrawn",), "withdrawn": ()}

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()  # counts up within the dataset
    digest = models.CharField(max_length=64, db_index=True)  # sha256 of `manifest`
    manifest = models.BinaryField()  # canonical JSON of a Manifest
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    reason = models.CharField(max_length=500)
    query = models.CharField(max_length=2000, blank=True)  # the draft's filter at that time
    episodes = models.PositiveIntegerField()
    rows = models.PositiveBigIntegerField()
    seconds = models.FloatField()
    frozen_at = models.DateTimeField(default=timezone.now)
    frozen_by = models.CharField(max_length=120)  # the name, which stays when the person goes
    state = models.CharField(max_length=10, default="frozen", choices=[(name, name) for name in TRANSITIONS])
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.CharField(max_length=500, blank=True)

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_once")]

    def __str__(self) -> str:
        return f"{self.dataset} {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("A dataset version never changes.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("A dataset version never goes; it can be withdrawn.")

    def content(self) -> Manifest:
        """The manifest; `Refused("version_damaged")` when it is not the one that was frozen, `version_withdrawn`."""
        raw = bytes(self.manifest)
        if not raw and self.state == "withdrawn":
            raise Refused("version_withdrawn", f"{self} was withdrawn and its content is gone: {self.withdrawn_reason}")
        if hashlib.sha256(raw).hexdigest() != self.digest:
            raise Refused("version_damaged", f"The manifest of {self} has other bytes than when it was frozen.")
        return msgspec.json.decode(raw, type=Manifest)

    def withdraw(self, reason: str) -> bool:
        """False when it was withdrawn already."""
        row: models.QuerySet[DatasetVersion] = models.QuerySet(DatasetVersion).filter(pk=self.pk, state="frozen")
        changed = row.update(state="withdrawn", withdrawn_at=timezone.now(), withdrawn_reason=reason[:500])
        self.refresh_from_db()
        return bool(changed)


class VersionEpisode(models.Model):
    """Which version holds which episode.  The episode's row may go; its id stays here as in the manifest."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="members")
    episode = models.ForeignKey(Episode, on_delete=models.DO_NOTHING, db_constraint=False, related_name="in_versions")
    split = models.CharField(max_length=12)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["version", "episode"], name="version_episode_once")]

    def __str__(self) -> str:
        return f"{self.episode_id[:8]} in {self.version_id}"
