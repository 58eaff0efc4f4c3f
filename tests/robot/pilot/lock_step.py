"""One run with a real kernel, and a clock, eyes, a policy and a recorder in the test's hand.  Not a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np

from protocol.errors import Refused
from protocol.permit import Renewal
from protocol.runs import RunEnd, RunOrder, RunReport, RunResume
from robot.kernel import door as kernel_door
from robot.kernel.door import Answer, Status
from robot.pilot.attempt import Attempt, Outlets
from robot.pilot.eyes import Sight
from robot.pilot.thinker import Question, Thought, Trouble
from robot.recorder import door as recorder_door
from tests.robot.kernel.rig import POINT
from tests.robot.kernel.tick_bench import Bench, sign

RUN = "ab" * 16
FORTH = (0.3, 0.0, 0.0, 0.0, 1.0)
HORIZON, DT_S = 8, 0.1


class FakeEyes:
    """Pictures that are `age_s` old; None: there are none."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.age_s: float | None = 0.02

    def newest_s(self, cameras: Mapping[str, object]) -> float | None:
        return None if self.age_s is None else self._bench.now - self.age_s

    def look(self, sizes: Mapping[str, tuple[int, int]], now_s: float) -> Sight:
        if self.age_s is None or self.age_s > 0.5:
            raise Refused("picture_old", "The picture of the camera scene is old.")
        return Sight({"scene": np.zeros((72, 96, 3), np.uint8)}, now_s - self.age_s, round((now_s - self.age_s) * 1e9))


class FakeThinker:
    """Answers after `delay_s`; `says` may give None for silence."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.away, self.loading = "", False
        self.delay_s = 0.06
        self.says: Callable[[Question], Thought | Trouble | None] = forth
        self.asked: list[Question] = []
        self._coming: list[tuple[float, Thought | Trouble]] = []

    def ask(self, question: Question) -> None:
        self.asked.append(question)
        answer = self.says(question)
        if answer is not None:
            self._coming.append((self._bench.now + self.delay_s, answer))

    def answers(self) -> list[Thought | Trouble]:
        there = [answer for due_s, answer in self._coming if due_s <= self._bench.now + 1e-9]
        self._coming = [(due_s, answer) for due_s, answer in self._coming if due_s > self._bench.now + 1e-9]
        return there


def forth(question: Question) -> Thought:
    return thought(question, np.tile(FORTH, (HORIZON, 1)))


def thought(question: Question, actions: object, doubt: float | None = None, limit: float | None = None) -> Thought:
    return Thought(question.n, question.captured_ns, np.asarray(actions, np.float32), DT_S, doubt, limit)


class LockStep:
    """`tick` lets the pilot and then the kernel do 20 ms; `told` are the reports, `recorder` what it was asked."""

    def __init__(self, folder: Path, **order: object) -> None:
        self.bench = Bench(folder)
        self.bench.tick()
        self.eyes, self.thinker = FakeEyes(self.bench), FakeThinker(self.bench)
        self.told: list[RunReport] = []
        self.kept: list[RunReport] = []
        self.episodes: list[str] = []
        self.recorder: list[msgspec.Struct] = []
        self.refusals: list[recorder_door.Answer] = []  # of the recorder, before it agrees
        self.records = True
        self.reached = False
        self.renews, self._renewals = True, 0
        pilot = self.bench.doors["pilot"]
        outlets = Outlets(
            pilot.send, self._record, self.told.append, self.kept.append, self.episodes.append, lambda: self.reached,
            lambda: round(self.bench.now * 1e9),
        )  # fmt: skip
        given = RunOrder(
            run=RUN, fence=1, instruction="Go forth", policy="cd" * 16, policy_name="starter 1",
            permit=self.bench.permit("policy", "pilot"), pictures={"scene": (96, 72)},
        )  # fmt: skip
        self.order = msgspec.structs.replace(given, **order)
        self.attempt = Attempt(self.order, POINT, self.eyes, self.thinker, outlets, self.bench.now)  # type: ignore[arg-type]
        self.attempt.begin()

    def tick(self, seconds: float = 0.02) -> Status:
        for _ in range(max(1, round(seconds / 0.02))):
            self._renew()
            self.attempt.tick(self.bench.now, self.bench.status())
            self.bench.tick()
            for packet in self.bench.doors["pilot"].packets(100):
                message = kernel_door.decode_from_kernel(packet)
                if isinstance(message, Answer):
                    self.attempt.on_kernel(message, self.bench.now)
        return self.bench.status()

    def _renew(self) -> None:
        """As the server does, each second."""
        lease = self.bench.status().lease
        if self.renews and lease is not None and round(self.bench.now / 0.02) % 50 == 0:
            self._renewals += 1
            renewal = Renewal(robot="robot-1", epoch=lease.epoch, seq=lease.seq, counter=self._renewals)
            self.bench.doors["link"].send(kernel_door.Renew(renewal=sign(renewal)))

    def until(self, phase: str, reason: str | None = None, within_s: float = 20.0) -> RunReport:
        for _ in range(round(within_s / 0.02)):
            run = self.attempt.run
            if run.phase == phase and reason in (None, run.reason):
                return self.told[-1]
            self.tick()
        raise AssertionError(f"not {phase}/{reason} but {self.attempt.run.phase}/{self.attempt.run.reason}")

    def resume(self, doubt_off_s: float = 0.0) -> None:
        permit = self.bench.permit("policy", "pilot")
        self.attempt.resume(RunResume(run=RUN, fence=1, permit=permit, doubt_off_s=doubt_off_s), self.bench.now)

    def end(self, result: str) -> None:
        self.attempt.finish(RunEnd(run=RUN, fence=1, result=result))  # type: ignore[arg-type]

    def pilots(self) -> list[str]:
        """Who moved or held the robot, tick by tick."""
        return [kernel_door.decode_row(raw).pilot for raw in self.bench.rows.reader(oldest=True).read()[0]]

    @property
    def speed(self) -> float:
        told = self.bench.body.told[-1]
        return told[0] if isinstance(told, tuple) else 0.0

    def _record(self, message: msgspec.Struct) -> bool:
        self.recorder.append(message)
        if isinstance(message, recorder_door.Start) and self.records:
            answer = self.refusals.pop(0) if self.refusals else recorder_door.Answer(episode="ee" * 16)
            self.attempt.on_recorder(msgspec.structs.replace(answer, id=message.id), self.bench.now)
        return True


def moving(stage: LockStep) -> RunReport:
    report = stage.until("moving")
    stage.tick(0.3)
    assert stage.speed > 0.1
    return report


def still(stage: LockStep, within_s: float = 0.3) -> None:
    stage.tick(within_s)
    assert stage.speed == 0.0
