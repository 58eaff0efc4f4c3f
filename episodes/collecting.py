"""Scripted demonstrations until there are enough: which seeds are made, what is brought, what is counted."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from episodes import jobs, tokens
from episodes.crew import Crew, Worker
from episodes.models import Episode
from episodes.services.bring import bring
from fleet.models import Robot
from protocol.collect import Order, Result
from protocol.errors import Refused

TRIES_PER_EPISODE = 2  # a task that fails more often than every other time has a broken expert


@dataclass(frozen=True, slots=True)
class Plan:
    """`episodes` successes of `task` from the seeds `first_seed`, `first_seed` + 1, ...; what is there already counts.

    `server`: workers upload to it; without it this process takes the folders itself.  `check`: look through each here.
    """

    robot: Robot
    world: str
    task: str
    episodes: int
    first_seed: int = 0
    randomise: bool = False
    keep_failures: bool = False
    server: str = ""
    check: bool = False
    wake: bool = True

    @property
    def seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.episodes * TRIES_PER_EPISODE + 10)


@dataclass(slots=True)
class Tally:
    """`have` counts what earlier runs brought, `made` what this one did."""

    have: int = 0
    made: int = 0
    rows: int = 0
    size_bytes: int = 0
    failed: int = 0
    unsuited: int = 0


class Collection:
    """One run of a plan with a crew; `tally` is true after every turn."""

    def __init__(self, plan: Plan, crew: Crew) -> None:
        self.plan, self._crew = plan, crew
        made = _made(plan)
        self.tally = Tally(have=sum(counts for counts in made.values()))
        self._seeds = iter(seed for seed in plan.seeds if seed not in made)
        self._out = False

    @property
    def ended(self) -> bool:
        return self.tally.have >= self.plan.episodes or (self._out and not self._crew.busy())

    def turn(self, within_s: float = 0.5) -> None:
        """Orders for whoever is idle, then at most one answer; its worker has the next order before it is taken."""
        self._order(0)
        found = self._crew.next(within_s)
        if found is not None:
            self._order(found[1].outcome == "success")
            self.take(*found)

    def _order(self, coming: int) -> None:
        """`coming` successes are answered and not counted yet."""
        for worker in list(self._crew.idle()):
            if self.tally.have + coming + self._crew.busy() >= self.plan.episodes:
                return
            seed = next(self._seeds, None)
            if seed is None:
                self._out = True
                return
            worker.order(Order(seed, tokens.mint(self.plan.robot) if self.plan.server else ""))

    def finish(self, give_up: Callable[[], bool]) -> None:
        """Nothing new; what is under way is still taken, unless `give_up` says so."""
        self._crew.dismiss()
        while self._crew.busy() and not give_up():
            found = self._crew.next(0.2)
            if found is not None:
                self.take(*found)

    def check_enough(self) -> None:
        """`Refused("expert_fails")` when the seeds ended before the goal."""
        if self.tally.have < self.plan.episodes:
            raise Refused(
                "expert_fails",
                f"Only {self.tally.have} of {self.plan.episodes} succeeded with {len(self.plan.seeds)} seeds: the scripted "
                "expert of this task fails too often here.",
            )

    def take(self, worker: Worker, result: Result) -> None:
        if result.outcome == "unsuited":
            self.tally.unsuited += 1
            return
        self.tally.failed += result.outcome == "failure"
        if not result.episode:
            return
        if self.plan.server and not result.uploaded:
            raise Refused("not_uploaded", f"{result.sentence} The episode waits in {worker.home}; run this again.")
        if self.plan.server:
            _check(self.plan, result.episode)
        else:
            _bring(self.plan, worker.home / "episodes" / result.episode)
        if result.outcome == "success":
            self.tally.have += 1
            self.tally.made += 1
            self.tally.rows += result.rows
            self.tally.size_bytes += Episode.objects.get(pk=result.episode).size_bytes


def bring_left_behind(plan: Plan) -> None:
    """What a run made and did not bring before it was ended."""
    for folder in left_behind(plan.robot):
        _bring(plan, folder)


def _bring(plan: Plan, folder: Path) -> None:
    _check(plan, bring(folder, plan.robot, plan.wake and not plan.check).pk)


def _check(plan: Plan, episode: str) -> None:
    if plan.check:
        jobs.check_episode(episode)


def _made(plan: Plan) -> dict[int, bool]:
    """Seeds that were made before, and whether each counts: a success that nobody has removed."""
    about = {"meta__world__world": plan.world, "meta__world__task": plan.task, "meta__world__randomise": plan.randomise}
    rows = Episode.objects.filter(robot=plan.robot, **about)
    found: dict[int, bool] = {}
    for meta, removed_at in rows.values_list("meta", "removed_at").iterator():
        seed = int(meta["world"]["seed"])
        if seed in plan.seeds:
            found[seed] = removed_at is None and meta["outcome"] == "success"
    return found


@contextmanager
def homes(robot: Robot, count: int) -> Iterator[list[Path]]:
    """A folder for each worker; `Refused("collecting_already")` while another run works for this robot."""
    root = Path(settings.REINS_DATA_DIR) / "collect" / robot.pk
    root.mkdir(parents=True, exist_ok=True)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            sentence = f"Another run collects for {robot.name} now. Wait for it, or choose another --robot."
            raise Refused("collecting_already", sentence) from error
        yield [root / str(number) for number in range(count)]
    finally:
        os.close(fd)


def left_behind(robot: Robot) -> list[Path]:
    """Folders of whole episodes that no server has yet."""
    root = Path(settings.REINS_DATA_DIR) / "collect" / robot.pk
    return [path for path in sorted(root.glob("*/episodes/*")) if not path.name.startswith(".")]
