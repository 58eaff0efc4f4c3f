"""Campaigns: what shall be recorded, by when, on which robots; rows and their state changes.

How far a campaign is stands nowhere here: it is counted from the episodes (`episodes.reading.standing`).
"""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from fleet.models import Membership, Organisation, Person, Robot, Site, new_id
from protocol.errors import Refused

MAX_TEXT = 500
SEAT_S = 60.0  # who has not asked for so long is no longer taken to be recording


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def for_person(self, person: Person, roles: tuple[str, ...]) -> CampaignQuerySet:
        """Campaigns at sites where the person has one of `roles`."""
        memberships = Membership.objects.filter(person=person, role__in=roles)
        everywhere = memberships.filter(site=None).values("organisation")
        here = memberships.exclude(site=None).values("site")
        return self.filter(Q(organisation__in=everywhere) | Q(site__in=here))


class Campaign(models.Model):
    """So many takes of each prompt on these robots.  `done` comes and goes with the count; the rest is asked by people."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "draft": ("open", "closed"),
        "open": ("paused", "done", "closed"),
        "paused": ("open", "closed"),
        "done": ("open", "closed"),
        "closed": (),
    }
    #: in these states an episode that was recorded for it still belongs to it: uploads come late
    RUNNING = ("open", "paused", "done")
    COLUMNS = ("name", "due", "countdown_s", "reset_s", "only_success")

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="campaigns")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="campaigns")
    robots = models.ManyToManyField(Robot, related_name="campaigns", blank=True)
    name = models.CharField(max_length=80)
    due = models.DateField(null=True, blank=True)  # the last day
    countdown_s = models.PositiveSmallIntegerField(default=3)  # between Start and the recording
    reset_s = models.PositiveSmallIntegerField(default=0)  # for putting the scene back, then it counts down; 0 waits for Enter
    only_success = models.BooleanField(default=False)  # takes that failed are kept and do not count
    state = models.CharField(max_length=8, choices=[(name, name) for name in TRANSITIONS], default="draft")
    version = models.PositiveIntegerField(default=1)
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    opened_at = models.DateTimeField(null=True, blank=True)  # first

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-made_at"]
        indexes: ClassVar = [models.Index(fields=["site", "state"])]

    def __str__(self) -> str:
        return self.name

    def change(self, version: int, **values: Any) -> None:
        """Changes columns for whoever saw `version`; `Refused("stale_version")` with the current row otherwise."""
        changed = Campaign.objects.filter(pk=self.pk, version=version).update(version=F("version") + 1, **values)
        self.refresh_from_db()
        if not changed:
            current = {name: getattr(self, name) for name in ("version", "state", *self.COLUMNS)}
            raise Refused(
                "stale_version", "Somebody changed this campaign meanwhile. Look at it again, then repeat.", current=current
            )

    def become(self, state: str) -> bool:
        """False when the row was not in a state that leads there: somebody else was first."""
        sources = [source for source, targets in self.TRANSITIONS.items() if state in targets]
        row = Campaign.objects.filter(pk=self.pk, state__in=sources)
        changed = row.update(state=state, version=F("version") + 1)
        if changed and state == "open":
            Campaign.objects.filter(pk=self.pk, opened_at=None).update(opened_at=timezone.now())
        self.refresh_from_db()
        return bool(changed)


class CampaignPrompt(models.Model):
    """One thing to show, `goal` times.  A goal of 0 is not asked again."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="prompts")
    place = models.PositiveSmallIntegerField()
    instruction = models.CharField(max_length=MAX_TEXT)
    reset = models.CharField(max_length=MAX_TEXT, blank=True)  # how to put the scene back before a take
    goal = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["place", "id"]

    def __str__(self) -> str:
        return f"{self.goal} x {self.instruction}"


class CampaignSeatQuerySet(models.QuerySet["CampaignSeat"]):
    def taken(self) -> CampaignSeatQuerySet:
        return self.filter(at__gt=timezone.now() - datetime.timedelta(seconds=SEAT_S))


class CampaignSeat(models.Model):
    """Which prompt a robot is at now.  Renewed by the cockpit while it is open; an old one means nothing."""

    robot = models.OneToOneField(Robot, on_delete=models.CASCADE, primary_key=True, related_name="campaign_seat")
    prompt = models.ForeignKey(CampaignPrompt, on_delete=models.CASCADE, related_name="seats")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    objects = CampaignSeatQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.robot_id} at {self.prompt_id}"
