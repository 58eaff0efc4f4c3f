"""Episodes: rows and their state changes.  The content lies in the episode folder."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, GeneratedField, Q
from django.db.models.functions import Lower
from django.utils import timezone

from episodes.models.campaign import Campaign, CampaignPrompt
from episodes.models.side_rows import keep_in_step, mix_of, task_of
from fleet.models import Membership, Organisation, Person, Robot, Site
from protocol.errors import Refused

MAX_INSTRUCTION = 500
STALE = datetime.timedelta(seconds=15)  # a check whose worker has been silent so long is begun again


class EpisodeQuerySet(models.QuerySet["Episode"]):
    def for_person(self, person: Person, roles: tuple[str, ...]) -> EpisodeQuerySet:
        """Episodes of organisations (or sites) where the person has one of `roles`; of robots long gone too.

        What is gone for good is shown to nobody.
        """
        memberships = Membership.objects.filter(person=person, role__in=roles)
        everywhere = memberships.filter(site=None).values("organisation")
        here = memberships.exclude(site=None).values("site")
        return self.there().filter(Q(organisation__in=everywhere) | Q(site__in=here))

    def there(self) -> EpisodeQuerySet:
        """Without those of which only the row is left."""
        return self.filter(gone_at=None)

    def present(self) -> EpisodeQuerySet:
        return self.filter(removed_at=None)

    def usable(self) -> EpisodeQuerySet:
        """Whole and checked: they may be in a dataset."""
        return self.filter(status__in=("ready", "warned"))

    def counting(self) -> EpisodeQuerySet:
        """Towards the goals of a campaign: there, and not refused by the check."""
        return self.present().exclude(status="rejected")

    def unchecked(self) -> EpisodeQuerySet:
        """Nobody is checking them, or whoever was has fallen silent."""
        silent = Q(checked_at=None) | Q(checked_at__lt=timezone.now() - STALE)
        return self.filter(silent, status="received")

    def matching(self, text: str) -> EpisodeQuerySet:
        words = text.split()[:8]
        found = self
        for word in words:
            found = found.filter(Q(instruction__icontains=word) | Q(robot__name__icontains=word))
        return found


class Episode(models.Model):
    """What happened, frame by frame.

    Columns repeat what the folder says; `instruction` and the labels may be corrected here, never in the folder.
    received -> ready, warned (ready with warnings) or rejected (not for training; `problem` says why, in `findings` is
    all that was found).  Checked again, it is `received` until that has ended.
    """

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "received": ("ready", "warned", "rejected"),
        "ready": ("received",),
        "warned": ("received",),
        "rejected": ("received",),
    }
    OUTCOMES = ("success", "failure", "unlabelled")
    #: what a person may correct; the rest is as it was recorded
    LABELS = (
        "instruction", "outcome", "failure", "quality", "tags", "trim_first", "trim_last", "comment", "flagged",
    )  # fmt: skip

    id = models.CharField(max_length=32, primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="episodes")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="episodes")
    robot = models.ForeignKey(Robot, on_delete=models.PROTECT, related_name="episodes")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="episodes")
    prompt = models.ForeignKey(CampaignPrompt, on_delete=models.PROTECT, null=True, blank=True, related_name="episodes")
    number = models.PositiveIntegerField()
    instruction = models.CharField(max_length=500, blank=True)
    words = GeneratedField(expression=Lower("instruction"), output_field=models.CharField(max_length=500), db_persist=True)
    task = models.CharField(max_length=80, blank=True)  # name of what was to be done, where the recording says it
    mix = models.CharField(max_length=60, blank=True)  # who drove, holds aside: "operator", "operator+policy", ...
    outcome = models.CharField(max_length=12, choices=[(name, name) for name in OUTCOMES], default="unlabelled")
    failure = models.CharField(max_length=40, blank=True)  # kind of failure; only where the outcome is failure
    quality = models.PositiveSmallIntegerField(null=True, blank=True)  # 1 to 5
    tags: models.JSONField[Any, Any] = models.JSONField(default=list)  # list of str
    trim_first = models.PositiveIntegerField(null=True, blank=True)  # first row kept; None is the first there is
    trim_last = models.PositiveIntegerField(null=True, blank=True)  # last row kept, itself included
    comment = models.TextField(max_length=2000, blank=True)
    flagged = models.BooleanField(default=False)  # a second look was asked for
    reviewed_at = models.DateTimeField(null=True, blank=True)  # when a person last said how it ended
    reviewed_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=[(name, name) for name in TRANSITIONS], default="received")
    problem = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    seconds = models.FloatField()
    rows = models.PositiveIntegerField()
    record_hz = models.FloatField()
    size_bytes = models.BigIntegerField()
    cut = models.BooleanField(default=False)
    cut_reason = models.CharField(max_length=300, blank=True)
    meta: models.JSONField[Any, Any] = models.JSONField()  # episode.json as it was received
    findings: models.JSONField[Any, Any] = models.JSONField(default=dict)  # of the check: `Examined.as_json()`
    finding_codes = models.CharField(max_length=500, blank=True)  # "|black|frozen|": to be searched by contains
    checked_at = models.DateTimeField(null=True, blank=True)  # heartbeat of the check
    check_owner = models.CharField(max_length=80, blank=True)  # host and process that checks it
    check_progress = models.PositiveSmallIntegerField(default=0)  # percent
    fence = models.PositiveIntegerField(default=0)  # of the check
    gist = models.PositiveSmallIntegerField(default=0)  # which make of `data/gist.py` lies beside it; 0: none yet
    gist_failed = models.PositiveSmallIntegerField(default=0)  # which make could not be drawn of its files
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    purge_at = models.DateTimeField(null=True, blank=True)  # a rule took it out of the lists; then it goes for good
    purge_frozen = models.BooleanField(default=False)  # that rule takes it also where a frozen version holds it
    kept_from = models.DateTimeField(null=True, blank=True)  # somebody brought it back: rules count from here
    gone_at = models.DateTimeField(null=True, blank=True)  # only this row is left, without what people said or did
    gone_why = models.CharField(max_length=120, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)  # its files are gone too
    stored_at = models.DateTimeField(null=True, blank=True)  # its files are in the object store too

    objects = EpisodeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-started_at", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "number"], name="episode_number_once"),
            models.CheckConstraint(condition=Q(quality=None) | Q(quality__range=(1, 5)), name="episode_quality_1_to_5"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-started_at"]),
            models.Index(fields=["site", "-started_at", "-id"]),
            models.Index(fields=["-started_at", "-id"]),
            models.Index(fields=["-seconds", "-id"]),
            models.Index(fields=["robot", "-started_at"]),
            models.Index(fields=["status", "checked_at"]),
            *(models.Index(fields=[column, "site"]) for column in ("task", "failure", "mix", "finding_codes")),
            models.Index(fields=["purge_at"], condition=Q(purge_at__isnull=False), name="episode_to_purge"),
            models.Index(fields=["gone_at"], condition=Q(gone_at__isnull=False, erased_at=None), name="episode_to_erase"),
        ]

    def __str__(self) -> str:
        return f"Episode {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new row brings along what the library searches by."""
        new = self._state.adding
        self.task, self.mix = task_of(self.meta), mix_of(self.findings)
        super().save(*args, **kwargs)
        if new:
            keep_in_step(self)

    def change(self, version: int, **values: Any) -> None:
        """Corrects columns for whoever saw `version`; `Refused("stale_version")` with the current row otherwise."""
        changed = Episode.objects.filter(pk=self.pk, version=version).update(version=F("version") + 1, **values)
        self.refresh_from_db()
        if "tags" in values:
            keep_in_step(self)
        if not changed:
            raise Refused(
                "stale_version",
                "Somebody changed this episode meanwhile. Look at it again, then repeat.",
                current={name: getattr(self, name) for name in ("version", *self.LABELS)},
            )

    @property
    def playable(self) -> bool:
        """Whether the check could read it; a rejected episode may be."""
        return bool(self.findings.get("columns"))

    def claim_check(self, owner: str = "") -> int | None:
        """A fence for whoever checks it now; None when somebody does already or it is done."""
        claimed = Episode.objects.unchecked().filter(pk=self.pk, fence=self.fence)
        if not claimed.update(fence=F("fence") + 1, checked_at=timezone.now(), check_owner=owner[:80], check_progress=0):
            return None
        self.refresh_from_db()
        return self.fence

    def go_on_checking(self, fence: int, percent: int) -> bool:
        """The check's heartbeat; False when another has begun since, so that this one may stop."""
        row = Episode.objects.filter(pk=self.pk, fence=fence, status="received")
        return bool(row.update(checked_at=timezone.now(), check_progress=max(0, min(100, percent))))

    def end_check(self, fence: int, status: str, findings: dict[str, Any], codes: str = "", problem: str = "") -> bool:
        """Writes the result; False when another check has begun since."""
        row = Episode.objects.filter(pk=self.pk, fence=fence, status__in=self._before(status))
        changed = row.update(
            status=status,
            findings=findings,
            finding_codes=codes,
            mix=mix_of(findings),
            problem=problem[:300],
            checked_at=timezone.now(),
            check_progress=100,
        )
        self.refresh_from_db()
        return bool(changed)

    def check_again(self) -> bool:
        """Back to `received`, to be checked by whoever claims it; what was found stays to be seen meanwhile."""
        row = Episode.objects.filter(pk=self.pk, status__in=self._before("received"))
        changed = row.update(status="received", checked_at=None, check_progress=0)
        self.refresh_from_db()
        return bool(changed)

    @classmethod
    def _before(cls, status: str) -> list[str]:
        return [source for source, targets in cls.TRANSITIONS.items() if status in targets]
