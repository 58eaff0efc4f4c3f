"""Asks the simulated world whether a run's goal is reached.  A real table has no such judge: there a person ends the run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from protocol.errors import Refused
from protocol.runs import Goal
from robot.mailbox import Mailbox
from robot.world.door import ask_world
from robot.world.wire import SCENE, Aim, SceneState

log = logging.getLogger("pilot")

SETTLE_S = 0.4  # so long it must stay reached
_LOOK_S = 0.1


class WorldJudge:
    """One goal at a time.  `aim` returns at once; until the world has taken the goal, nothing is reached."""

    def __init__(self, run_dir: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._run_dir, self._clock = run_dir, clock
        self._scenes: Mailbox | None = None
        self._aimed = int(clock() * 1e3) % (1 << 31)  # not what a pilot before this one said
        self._looked_s = float("-inf")

    def aim(self, goal: Goal | None) -> Callable[[], bool]:
        """Whether the goal has been reached, as a question that may be asked at any time."""
        self._aimed += 1
        number = self._aimed
        if goal is None or not (self._run_dir / SCENE).exists():
            return lambda: False
        self._ask(Aim(goal.skill, goal.target, number))
        return lambda: self._reached(number)

    def forget(self) -> None:
        self._aimed += 1
        if (self._run_dir / SCENE).exists():
            self._ask(Aim("", "", self._aimed))

    def _ask(self, aim: Aim) -> None:
        """In a thread: a world that hangs must not delay a heartbeat."""
        threading.Thread(target=_tell_world, args=(self._run_dir, aim), name="aim", daemon=True).start()

    def _reached(self, number: int) -> bool:
        now_s = self._clock()
        if number != self._aimed or now_s - self._looked_s < _LOOK_S:
            return False
        self._looked_s = now_s
        if self._scenes is None:
            self._scenes = Mailbox.open(self._run_dir / SCENE)
        newest = self._scenes.get()
        if newest is None or now_s - newest[1] > 1.0:
            return False
        scene = msgspec.msgpack.decode(newest[0], type=SceneState)
        return scene.aim == number and scene.done_s >= SETTLE_S


def _tell_world(run_dir: Path, aim: Aim) -> None:
    try:
        ask_world(run_dir, aim)
    except Refused as refused:
        log.warning("the world does not judge this run: %s", refused.sentence)
