"""The process that lives a simulated world: physics in real time, commands in, senses out, its own watchdog.

Draws nothing and knows no robot program: it talks through mailboxes and one door in the run folder.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.door import WorldDoor
from robot.world.paint import read_colour
from robot.world.world import World

_RESTING_TICK_S = 0.020  # how often a resting world looks for commands
_RESTING_LOOK_S = 0.100  # how often it says again what it looks like
_NEAR = 0.05  # of a target
_MOST_BEHIND_S = 0.100  # a world that is later than this loses the time instead of catching up


def open_or_create(path: Path, size: int) -> Mailbox:
    """The mailbox of this name and size: the one that is there, so that readers of it keep it, or a new one."""
    if path.exists():
        found = Mailbox.open(path)
        if found.size == size:
            return found
        found.close()
    return Mailbox.create(path, size)


class LiveWorld:
    """A world with its mailboxes.  Times are monotonic seconds, given by the caller."""

    def __init__(self, world: World, run_dir: Path, seed: int, scene: str) -> None:
        self.world = world
        self.resets = 0
        self.late_s = 0.0  # simulated time given up because the machine was too slow
        self._commands = open_or_create(run_dir / wire.command_file(0), wire.COMMAND_BYTES)
        self._senses = open_or_create(run_dir / wire.state_file(0), wire.STATE_BYTES)
        self._looks = open_or_create(run_dir / wire.SCENE, wire.SCENE_BYTES)
        self._looked_s = -1.0
        self.colours: dict[str, tuple[float, float, float]] = {}
        self._targets = [i for i, axis in enumerate(world.embodiment.action) if not axis.is_rate]
        self._begun: NDArray[np.float32] | None = None  # the targets as a reset left them, until they are asked for
        self._aim = wire.Aim("", "", 0)
        self._done: Callable[[], bool] | None = None
        self._done_s = 0.0
        self.seed, self.scene = seed, scene or world.scenes[0]
        self.reset(seed, self.scene)
        self._begun = None  # nobody has asked for anything yet

    def reset(self, seed: int, scene: str) -> None:
        """Refused("scene_unknown") changes nothing."""
        self.world.reset(seed, scene)
        self.seed, self.scene, self.colours = seed, scene, {}
        self.resets += 1
        self._begun = self._sensed_targets()
        self._looked_s = -1.0
        with contextlib.suppress(Refused):  # what the goal is about may be gone
            self.aim(self._aim)

    def paint(self, colours: dict[str, str]) -> None:
        """Until the next reset.  Refused("thing_unknown" | "colour_unknown") changes nothing."""
        for name in colours:
            if name not in self.world.paintable:
                known = ", ".join(self.world.paintable) or "nothing"
                raise Refused("thing_unknown", f"{name!r} cannot be painted in this world; what can be: {known}.")
        self.colours |= {name: read_colour(colour) for name, colour in colours.items()}
        self._looked_s = -1.0

    def aim(self, request: wire.Aim) -> None:
        """Judges this goal from now on; Refused("goal_unknown"): judges none."""
        self._aim, self._done, self._done_s = request, None, 0.0
        if request.skill:
            self._done = open_judge(self.world, request.skill, request.target)

    def tick(self, now_s: float) -> float:
        """Obeys the newest command if it is young enough, advances, publishes; returns seconds to the next tick."""
        self._obey(now_s)
        awake = not self.world.resting()
        if awake:
            self.world.advance()
        tick_s = self.world.tick_s if awake else _RESTING_TICK_S
        self._judge(tick_s)
        self.publish(now_s, awake)
        return tick_s

    def step(self, request: wire.Step, now_s: float) -> None:
        """Lock-step: the request's action for its ticks, whatever the mailbox holds."""
        wanted = len(self.world.embodiment.action)
        if request.action is not None and len(request.action) != wanted:
            raise Refused("action_shape", f"This arm takes {wanted} numbers, not {len(request.action)}.")
        if not 0 <= request.ticks <= 100_000:
            raise Refused("ticks_range", "Ask for 0 to 100000 ticks at once.")
        self.world.drive(None if request.action is None else np.array(request.action, dtype=np.float32))
        for _ in range(request.ticks):
            self.world.advance()
            self._judge(self.world.tick_s)
        self.publish(now_s, True)

    def publish(self, now_s: float, awake: bool) -> None:
        """Senses always; the look when something moved, and now and then to show that we live."""
        sensed = self.world.sense()
        torque = b"" if sensed.torque is None else sensed.torque.tobytes()
        state = wire.ArmState(sensed.state.tobytes(), sensed.tool_m, torque, awake)
        self._senses.put(msgspec.msgpack.encode(state), now_s)
        if awake or now_s - self._looked_s >= _RESTING_LOOK_S:
            self._looked_s = now_s
            qpos, edits = self.world.look()
            look = wire.SceneState(
                self.resets, self.seed, self.scene, qpos, edits, self.world.objects(), self.colours, self._aim.number,
                self._done_s,
            )  # fmt: skip
            self._looks.put(msgspec.msgpack.encode(look), now_s)

    def _judge(self, dt_s: float) -> None:
        self._done_s = self._done_s + dt_s if self._done is not None and self._done() else 0.0

    def close(self) -> None:
        for mailbox in (self._commands, self._senses, self._looks):
            mailbox.close()

    def _obey(self, now_s: float) -> None:
        newest = self._commands.get()
        size = 4 * len(self.world.embodiment.action)
        if newest is None or len(newest[0]) != size or not 0 <= now_s - newest[1] <= wire.WATCHDOG_S:
            self.world.drive(None)
            return
        action = np.frombuffer(newest[0], dtype="<f4").astype(np.float32)
        if not np.isfinite(action).all():
            self.world.drive(None)
            return
        self.world.drive(self._since_reset(action))

    def _since_reset(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """A robot goes on asking for the grip it had before a reset, which has opened it: it counts again once it has come to
        where the reset left it."""
        if self._begun is None:
            return action
        off = np.abs(action - self._begun)[self._targets]
        if (off < _NEAR).all():
            self._begun = None
            return action
        action = action.copy()
        action[self._targets] = self._begun[self._targets]
        return action

    def _sensed_targets(self) -> NDArray[np.float32]:
        """float32[A]: what is sensed under the name of each target, 0 elsewhere."""
        body = self.world.embodiment
        sensed = dict(zip((q.name for q in body.state), self.world.sense().state.tolist(), strict=True))
        return np.array([0.0 if axis.is_rate else sensed.get(axis.name, 0.0) for axis in body.action], np.float32)


def make_world(name: str) -> World:
    """The world called `name`, "tabletop" or "metaworld"; heavy imports happen here."""
    if name == "tabletop":
        from robot.world.tabletop import Tabletop

        return Tabletop()
    if name == "metaworld":
        from robot.world.metaworld_world import MetaWorld

        return MetaWorld()
    raise Refused("world_unknown", f"There is no world called {name!r}. Choose tabletop or metaworld.")


def open_judge(world: World, skill: str, target: str) -> Callable[[], bool]:
    """Whether the goal is reached now; Refused("goal_unknown")."""
    if hasattr(world, "success"):  # the package judges its own task
        return lambda: bool(getattr(world, "success", False))
    from robot.world.experts.goals import goal_of
    from robot.world.truth import table_truth

    done = goal_of(skill, target, table_truth(world))
    return lambda: done(table_truth(world))


def run(live: LiveWorld, door: WorldDoor, lockstep: bool) -> None:
    """Until SIGTERM.  The schedule is absolute, so that small delays do not add up."""
    ending = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        ending = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    due_s = time.monotonic()
    while not ending:
        now_s = time.monotonic()
        if lockstep:
            live.publish(now_s, False)
            due_s = now_s + _RESTING_LOOK_S
        elif now_s >= due_s:
            if now_s - due_s > _MOST_BEHIND_S:
                live.late_s += now_s - due_s
                due_s = now_s
            due_s += live.tick(now_s)
        door.serve(max(0.0, due_s - time.monotonic()))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--world", default="tabletop")
    parser.add_argument("--scene", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lockstep", action="store_true", help="time passes only when the door is asked to step")
    given = parser.parse_args(argv)
    try:
        live = LiveWorld(make_world(given.world), given.run_dir, given.seed, given.scene)
    except Refused as refused:
        sys.stderr.write(f"world: {refused.sentence}\n")
        return 2
    door = WorldDoor(given.run_dir / wire.DOOR, live, given.lockstep)
    gc.collect()
    gc.freeze()
    try:
        run(live, door, given.lockstep)
    finally:
        door.close()
        live.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
