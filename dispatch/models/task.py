"""Tasks and their runs: what was asked, each attempt at it, and how far that is.  What a robot does now is not here but in its
reports (`dispatch.newest`) and, whole, in the run's trace (`dispatch.traces`).
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Max, Q
from django.utils import timezone

from fleet.models import Membership, Organisation, Person, Robot, Site, new_id
from policies.models import PolicyVersion
from protocol.errors import Refused

RESULTS = ("success", "failure", "cancelled", "interrupted", "refused")


class AtSites(models.QuerySet[Any]):
    """Rows that belong to a site."""

    def for_person(self, person: Person, roles: tuple[str, ...]) -> AtSites:
        """Those at sites where the person has one of `roles`."""
        memberships = Membership.objects.filter(person=person, role__in=roles)
        everywhere = memberships.filter(site=None).values("organisation")
        here = memberships.exclude(site=None).values("site")
        return self.filter(Q(site__organisation__in=everywhere) | Q(site__in=here))


class Task(models.Model):
    """A sentence and what it was understood as.  Each attempt is a run; the newest one's end is the task's."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "running": ("done", "failed", "cancelled"),
        "done": ("failed",),  # a person's word against the first one
        "failed": ("running", "done"),
        "cancelled": ("running", "done", "failed"),
    }
    ENDS: ClassVar[dict[str, str]] = {"success": "done", "cancelled": "cancelled"}  # by result; all others have failed

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="tasks")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="tasks")
    number = models.PositiveIntegerField()  # within the organisation, for people
    sentence = models.CharField(max_length=200)
    skill = models.CharField(max_length=60)
    target = models.CharField(max_length=60)
    parts: models.JSONField[Any, Any] = models.JSONField(default=list)  # of the sentence: [{first, last, kind, name}]
    state = models.CharField(max_length=10, choices=[(name, name) for name in TRANSITIONS], default="running")
    made_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)

    objects = AtSites.as_manager()

    class Meta:
        ordering: ClassVar = ["-made_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation", "number"], name="task_number_once")]
        indexes: ClassVar = [models.Index(fields=["site", "-made_at"])]

    def __str__(self) -> str:
        return self.sentence

    def become(self, state: str) -> bool:
        """False when the row was not in a state that leads there."""
        sources = [source for source, targets in self.TRANSITIONS.items() if state in targets]
        changed = Task.objects.filter(pk=self.pk, state__in=sources).update(state=state, version=F("version") + 1)
        self.refresh_from_db()
        return bool(changed)


class Run(models.Model):
    """One attempt by one robot.  `phase` follows the robot's own word; `order` is what the robot has not answered yet."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "ordered": ("starting", "moving", "holding", "taken", "ended"),
        "starting": ("moving", "holding", "taken", "ended"),
        "moving": ("holding", "taken", "ended"),
        "holding": ("moving", "taken", "ended"),
        "taken": ("holding", "moving", "ended"),
        "ended": (),
    }

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="runs")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="runs")
    robot = models.ForeignKey(Robot, on_delete=models.PROTECT, related_name="runs")
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="runs")
    fence = models.PositiveBigIntegerField()  # rises per robot
    highest = models.PositiveBigIntegerField(null=True, blank=True)  # fence that the robot had reached when it refused this one
    phase = models.CharField(max_length=10, choices=[(name, name) for name in TRANSITIONS], default="ordered")
    reason = models.CharField(max_length=40, blank=True)  # code, of the phase
    sentence = models.CharField(max_length=300, blank=True)
    order = models.CharField(max_length=8, blank=True, default="start")  # start, resume, end; "" when all is answered
    order_detail: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    order_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")
    ordered_at = models.DateTimeField(default=timezone.now)
    result = models.CharField(max_length=12, blank=True, choices=[(name, name) for name in RESULTS])
    judge = models.CharField(max_length=8, blank=True)  # world, person
    seconds = models.FloatField(default=0.0)  # since the first motion
    chunks = models.PositiveIntegerField(default=0)
    episode = models.CharField(max_length=32, blank=True)  # its id, also before it has arrived
    started_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = AtSites.as_manager()

    class Meta:
        ordering: ClassVar = ["-started_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["robot", "fence"], name="fence_once"),
            models.UniqueConstraint(fields=["robot"], condition=~Q(phase="ended"), name="one_run_at_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["episode"]), models.Index(fields=["site", "-started_at"])]

    def __str__(self) -> str:
        return f"run {self.fence} of {self.robot_id}"

    @classmethod
    def next_fence(cls, robot: Robot) -> int:
        """Above all that were given to this robot, and above what it has said to have begun: a database that was restored lags
        behind its robots."""
        reached = cls.objects.filter(robot=robot).aggregate(given=Max("fence"), begun=Max("highest"))
        return max(reached["given"] or 0, reached["begun"] or 0) + 1

    def enter(self, phase: str, **values: Any) -> bool:
        """Into this phase (or on in it) with these columns; False when no way leads there from where the row is."""
        sources = [source for source, targets in self.TRANSITIONS.items() if phase in targets or (phase == source != "ended")]
        found = Run.objects.filter(pk=self.pk, phase__in=sources)
        changed = found.update(phase=phase, version=F("version") + 1, **values)
        self.refresh_from_db()
        return bool(changed)

    def ask(self, order: str, person: Person, detail: dict[str, Any]) -> bool:
        """Leaves an order that is repeated until the robot has answered; a later one takes its place, but nothing that of an
        end.  False when the row is not where such an order is of use."""
        found = Run.objects.filter(pk=self.pk).exclude(phase="ended")
        if order != "end":
            found = found.filter(phase__in=("holding", "taken")).exclude(order="end")
        values = {"order": order, "order_detail": detail, "order_by": person, "ordered_at": timezone.now()}
        changed = found.update(version=F("version") + 1, **values)
        self.refresh_from_db()
        return bool(changed)

    def check_seen(self, version: int) -> None:
        """`Refused("stale_version")` when the row is not the one that was seen."""
        if self.version != version:
            current = {"version": self.version, "phase": self.phase, "result": self.result}
            raise Refused("stale_version", "This run went on meanwhile. Look at it again, then repeat.", current=current)
