"""Who and what there is: organisations, sites, people and their roles, robots and how they were enrolled, the audit log."""

from __future__ import annotations

import re
import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone


def new_id() -> str:
    return uuid.uuid4().hex


def is_id(text: str) -> bool:
    """Whether `text` can be an id at all; anything else (a NUL above all) must not reach a database."""
    return re.fullmatch(r"[0-9a-f]{32}", text) is not None


class Person(AbstractUser):
    """Somebody who signs in.  `uid` is what robots, permits and files name."""

    uid = models.CharField(max_length=32, unique=True, default=new_id, editable=False)

    @property
    def shown(self) -> str:
        return self.get_full_name() or self.username


class Organisation(models.Model):
    """Whose robots and data these are; nothing crosses from one to another."""

    name = models.CharField(max_length=80, unique=True)
    quota_mb = models.PositiveIntegerField(default=0)  # of episodes; 0: only the room on the disk limits

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A place with robots."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="sites")
    name = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation", "name"], name="site_name_once")]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    VIEWER = "viewer"
    OPERATOR = "operator"
    DISPATCHER = "dispatcher"
    REVIEWER = "reviewer"
    ENGINEER = "engineer"
    ADMIN = "admin"


class Membership(models.Model):
    """A role of a person in an organisation, at one site or (site empty) at all of them."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "organisation", "site", "role"], name="membership_once"),
            models.UniqueConstraint(
                fields=["person", "organisation", "role"], condition=Q(site=None), name="membership_everywhere_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} is {self.role} at {self.site or self.organisation}"


class RobotQuerySet(models.QuerySet["Robot"]):
    def live(self) -> RobotQuerySet:
        return self.filter(revoked_at=None)

    def working(self) -> RobotQuerySet:
        """Those that can be met: their key is worth something and they log in."""
        return self.live().filter(recordings_only=False)

    def for_person(self, person: Person, roles: tuple[str, ...] | None = None) -> RobotQuerySet:
        """Robots at which the person has one of `roles` (any role when None).  Nobody sees what they have no role at."""
        if not person.is_authenticated or not person.is_active:
            return self.none()
        memberships = Membership.objects.filter(person=person)
        if roles is not None:
            memberships = memberships.filter(role__in=roles)
        everywhere = memberships.filter(site=None).values("organisation")
        here = memberships.exclude(site=None).values("site")
        return self.filter(Q(site__organisation__in=everywhere) | Q(site__in=here))


class Robot(models.Model):
    """A robot with a key of its own."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="robots")
    name = models.CharField(max_length=40)
    public_key = models.CharField(max_length=64, unique=True)  # base64 of the raw Ed25519 key
    embodiment: models.JSONField[Any, Any] = models.JSONField(default=dict)
    embodiment_hash = models.CharField(max_length=64, blank=True)
    # another description that the robot came with: {hash, differs, body}; it stays out until an administrator accepts it
    embodiment_offered: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    masks: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)  # camera -> regions (protocol.masks)
    masks_version = models.BigIntegerField(default=0)  # when they were set, in whole seconds since 1970; 0 = never
    program = models.CharField(max_length=40, blank=True)
    version = models.PositiveIntegerField(default=1)  # of this row; a change names the one it saw
    enrolled_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)
    held_reason = models.CharField(max_length=200, blank=True)  # not empty: may not move until an administrator has looked
    recordings_only = models.BooleanField(default=False)  # brings episodes; never logs in, so it is not in the fleet
    last_seen = models.DateTimeField(null=True, blank=True)
    log_n = models.BigIntegerField(default=0)  # last entry of the robot's own log that was chained

    objects = RobotQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["site", "name"], name="robot_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        return str(self.embodiment.get("name", ""))


class EnrolmentCode(models.Model):
    """Lets one robot in, once, within ten minutes.  Only the code's hash is kept."""

    code_hash = models.CharField(max_length=64, unique=True)
    site = models.ForeignKey(Site, on_delete=models.CASCADE)
    name = models.CharField(max_length=40)
    made_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    robot = models.ForeignKey(Robot, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")  # that came
    replaces = models.ForeignKey(  # a robot that gets a new key instead of being made anew
        Robot, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"code for {self.name}"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Only reads: what is written is never changed or taken away."""

    def update(self, **values: Any) -> int:
        raise TypeError("The audit log only grows.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("The audit log only grows.")


class AuditEntry(models.Model):
    """One act.  `number` has no gaps; `chain` is sha256 over the entry and the chain before it (fleet.audit)."""

    number = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, null=True)
    actor = models.CharField(max_length=120)
    act = models.CharField(max_length=60)
    subject = models.CharField(max_length=120, blank=True)
    detail: models.JSONField[Any, Any] = models.JSONField(default=dict)
    chain = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-number"]
        indexes: ClassVar = [
            models.Index(fields=["subject", "-number"]),
            models.Index(fields=["organisation", "-number"]),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.actor} {self.act} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("The audit log only grows.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("The audit log only grows.")
