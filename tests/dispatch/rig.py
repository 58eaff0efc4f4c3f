"""A policy, a run and a robot that speaks of it, in a few words; against the real application."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from dispatch import clips
from dispatch.models import HelpRequest, Run
from dispatch.services import tasks
from fleet import keys
from fleet.models import Organisation, Person
from policies.models import PolicyVersion
from protocol.permit import Signed
from protocol.policy import Reasoning, Target
from protocol.runs import PILOT_PEER, RunReport
from protocol.state import LeaseState
from robot.kernel.permits import ServerKey
from tests.fleet.conftest import Lab
from tests.fleet.rig import BODY, RobotProgram

SENTENCE = "Pick up the red cube"
THINGS = ("blue cube", "red cube")
THOUGHT = Reasoning(
    subtask="close", target=Target("red cube", 0.9, {"main": (10.0, 20.0, 30.0, 40.0)}), waypoint_m=(0.4, 0.0, 0.1),
    keypoints={"main": [(15.0, 25.0)]},
)  # fmt: skip


def make_policy(organisation: Organisation, **values: Any) -> PolicyVersion:
    """A row of the registry; its files are of no concern here."""
    number = PolicyVersion.objects.filter(organisation=organisation).count() + 1
    fields: dict[str, Any] = {
        "name": "starter", "number": number, "sha256": f"{number:064x}", "kinds": [BODY.kind], "skills": ["lift", "reach"],
        "things": list(THINGS), "cameras": {BODY.kind: {"main": [96, 72]}}, "made_by": "a test",
    }  # fmt: skip
    return PolicyVersion.objects.create(organisation=organisation, **{**fields, **values})


def row_of(lab: Lab, person: Person, **values: Any) -> Run:
    """A run as somebody has asked for it, of a robot that need not be there."""
    from dispatch.models import Task

    policy = PolicyVersion.objects.filter(organisation=lab.organisation).first() or make_policy(lab.organisation)
    task = Task.objects.create(
        organisation=lab.organisation, site=lab.site, number=Task.objects.count() + 1, sentence=SENTENCE, skill="lift",
        target="red cube", made_by=person,
    )  # fmt: skip
    return Run.objects.create(
        task=task, site=lab.site, robot=lab.robot, policy=policy, fence=Run.next_fence(lab.robot), started_by=person,
        order_by=person, **values,
    )  # fmt: skip


def lease(person: Person, kind: str = "policy", **changes: Any) -> LeaseState:
    fields: dict[str, Any] = {
        "epoch": 1, "seq": 2, "kind": kind, "person": person.uid, "name": "starter 1", "fingerprint": PILOT_PEER, "held_s": 0.0,
    }  # fmt: skip
    return LeaseState(**{**fields, **changes})


class Pilot(RobotProgram):
    """A robot whose pilot speaks of one run."""

    n = -1

    async def ready(self, **fields: Any) -> None:
        await self.log_in()
        await self.report(nonce="n-1", **fields)

    async def began(self) -> dict[str, Any]:
        """The order to begin, once it has come; from now on this robot speaks of that run."""
        self.order = await self.hear("run_order")
        return self.order

    def word(self, phase: str, **changes: Any) -> RunReport:
        self.n = changes.pop("n", self.n + 1)
        fields = {"run": self.order["run"], "fence": self.order["fence"], "n": self.n, "time_ns": time.time_ns(), "phase": phase}
        return RunReport(**{**fields, **changes})

    async def say(self, phase: str, **changes: Any) -> None:
        await self.tell(self.word(phase, **changes))

    async def heard(self) -> list[str]:
        """Everything said so far was worked on: messages of one socket are heard in order.  The types of what it was told."""
        from protocol import robot_link

        await self.tell(robot_link.TokenRequest())
        told: list[str] = []
        while "token" not in told:
            event = await self.wire.receive_output(5.0)
            told.append(json.loads(event["text"])["type"])
        return told


async def started(lab: Lab, pilot: Pilot, role: str = "operator", sentence: str = SENTENCE) -> Run:
    """A person has asked, the robot has the order."""
    policy = await PolicyVersion.objects.filter(organisation=lab.organisation).afirst()
    policy = policy or await sync_to_async(make_policy)(lab.organisation)
    run = await sync_to_async(tasks.start)(lab.people[role], sentence, lab.robot, policy)
    await pilot.began()
    return run


async def kept(run: Run) -> Run:
    """As the database has it now."""
    return await Run.objects.select_related("task", "robot").aget(pk=run.pk)


def permitted(lab: Lab, message: dict[str, Any]) -> Any:
    """As the robot's kernel reads it."""
    return ServerKey(keys.public_key(), lab.robot.pk).claim(Signed(**message["permit"]))


async def doubting(lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, HelpRequest]:
    """A run that asks, with two pictures of what it saw."""

    async def recent(robot: str, seconds: float = clips.SECONDS) -> list[tuple[int, dict[str, bytes]]]:
        now_ns = time.time_ns()
        return [(1, {"main": b"of the run before"}), (now_ns, {"main": b"a"}), (now_ns + 1, {"main": b"b"})]

    monkeypatch.setattr(clips, "recent", recent)
    run = await started(lab, pilot)
    await pilot.say("moving")
    words = "The scene is unlike what it was trained on."
    await pilot.say("holding", reason="doubt", sentence=words, doubt=0.9, limit=0.6, reasoning=THOUGHT)
    await pilot.heard()
    return run, await HelpRequest.objects.select_related("run__task", "run__robot").aget(run=run)
