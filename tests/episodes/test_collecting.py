"""Demonstrations for the library: counted, continued, brought through the real upload services.  No simulator."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command

from episodes.collecting import Collection, Plan, bring_left_behind, homes, left_behind
from episodes.crew import Crew, Worker
from episodes.models import Episode, Upload
from episodes.services.bring import bring
from fleet import robots
from fleet.models import Robot
from protocol.collect import Order, Result
from protocol.errors import Refused
from robot.recorder.episode_recorder import About, EpisodeRecorder
from robot.recorder.finalise import Home
from tests.episodes import rig
from tests.robot.recorder.rig import LIMITS, SMALL, START_NS, ticks

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.django_db


@pytest.fixture
def robot(media: Path, settings: Any, tmp_path: Path) -> Robot:
    settings.REINS_DATA_DIR = tmp_path / "data"
    return robots.recorder_of(rig.world().site, "collector-small", SMALL, "test")


class FakeWorker(Worker):
    """Answers at once, with a real recording; every seed in `fails` fails."""

    orders: list[Order]
    fails: frozenset[int]

    def order(self, order: Order) -> None:
        self.busy = order.seed
        self.orders.append(order)


class FakeCrew(Crew):
    """A crew of one whose worker records the small robot of the tests."""

    def __init__(self, home: Path, robot: Robot, fails: frozenset[int] = frozenset()) -> None:
        super().__init__([], home, [home])
        worker = FakeWorker(0, home, None)  # type: ignore[arg-type]
        worker.orders, worker.fails = [], fails
        self.workers, self._worker, self._robot = [worker], worker, robot

    def next(self, timeout_s: float) -> tuple[Worker, Result] | None:
        seed = self._worker.busy
        if seed is None:
            return None
        self._worker.busy = None
        if seed in self._worker.fails:
            return self._worker, Result(seed, "failure")
        return self._worker, Result(seed, "success", recorded(self._worker.home, self._robot.pk, seed).name, 20)

    def dismiss(self) -> None:
        return


def recorded(home: Path, robot: str, seed: int) -> Path:
    about = {"world": "tabletop", "task": "lift", "randomise": False, "seed": seed}
    rec = EpisodeRecorder(Home(home), About(robot, SMALL, "test", about), LIMITS, sync_s=0)
    rec.start("Lift the red cube", START_NS)
    for tick in ticks(20):
        rec.tick(tick)
    return rec.stop("success")


def collected(robot: Robot, home: Path, episodes: int, fails: frozenset[int] = frozenset(), **plan: Any) -> Collection:
    crew = FakeCrew(home, robot, fails)
    collection = Collection(Plan(robot, "tabletop", "lift", episodes, **plan), crew)
    while not collection.ended:
        collection.turn(0.0)
    return collection


def seeds(robot: Robot) -> list[int]:
    return sorted(episode.meta["world"]["seed"] for episode in Episode.objects.filter(robot=robot))


def test_episodes_are_brought_as_a_robot_would_and_the_folders_go(robot: Robot, tmp_path: Path) -> None:
    collected(robot, tmp_path / "home", 3)
    assert seeds(robot) == [0, 1, 2]
    assert set(Upload.objects.values_list("state", flat=True)) == {"kept"}
    assert list((tmp_path / "home" / "episodes").iterdir()) == []


def test_a_failed_seed_is_counted_and_the_next_one_taken(robot: Robot, tmp_path: Path) -> None:
    collection = collected(robot, tmp_path / "home", 3, frozenset({1}))
    assert seeds(robot) == [0, 2, 3]
    assert (collection.tally.have, collection.tally.failed) == (3, 1)


def test_a_second_run_goes_on_to_the_goal_and_a_third_does_nothing(robot: Robot, tmp_path: Path) -> None:
    collected(robot, tmp_path / "home", 2)
    assert collected(robot, tmp_path / "home", 4).tally.made == 2
    assert seeds(robot) == [0, 1, 2, 3]
    assert collected(robot, tmp_path / "home", 4).tally.made == 0


def test_other_seeds_and_varied_worlds_are_counted_by_themselves(robot: Robot, tmp_path: Path) -> None:
    collected(robot, tmp_path / "home", 2)
    assert collected(robot, tmp_path / "home", 2, first_seed=1000).tally.made == 2
    assert seeds(robot) == [0, 1, 1000, 1001]
    plan = Plan(robot, "tabletop", "lift", 2, randomise=True)
    assert Collection(plan, FakeCrew(tmp_path / "home", robot)).tally.have == 0


def test_a_removed_episode_is_replaced_by_another_seed(robot: Robot, tmp_path: Path) -> None:
    collected(robot, tmp_path / "home", 2)
    Episode.objects.filter(meta__world__seed=1).update(removed_at="2026-01-01T00:00:00Z")
    collected(robot, tmp_path / "home", 2)
    assert seeds(robot) == [0, 1, 2]


def test_an_expert_that_always_fails_ends_the_run(robot: Robot, tmp_path: Path) -> None:
    collection = collected(robot, tmp_path / "home", 3, frozenset(range(100)))
    with pytest.raises(Refused) as refused:
        collection.check_enough()
    assert refused.value.code == "expert_fails"


def test_what_an_ended_run_left_behind_is_found(robot: Robot) -> None:
    with homes(robot, 2) as folders:
        folder = recorded(folders[1], robot.pk, 5)
    assert left_behind(robot) == [folder]
    bring_left_behind(Plan(robot, "tabletop", "lift", 1))
    assert left_behind(robot) == [] and seeds(robot) == [5]


def test_a_folder_brought_half_is_brought_on_and_one_brought_before_is_confirmed(robot: Robot, tmp_path: Path) -> None:
    folder = recorded(tmp_path / "home", robot.pk, 5)
    again = shutil.copytree(folder, tmp_path / "again" / folder.name)
    rig.announced(folder, robot).files.filter(path="frames.parquet").update(offset=100)
    bring(folder, robot)
    bring(again, robot)
    assert Episode.objects.count() == 1 and not folder.exists() and not again.exists()


def test_an_episode_that_a_worker_could_not_upload_ends_the_run_and_says_where_it_is(robot: Robot, tmp_path: Path) -> None:
    crew = FakeCrew(tmp_path / "home", robot)
    collection = Collection(Plan(robot, "tabletop", "lift", 1, server="http://x"), crew)
    with pytest.raises(Refused, match="No answer") as refused:
        collection.take(crew.workers[0], Result(0, "success", "f" * 32, 20, uploaded=False, sentence="No answer."))
    assert refused.value.code == "not_uploaded" and str(tmp_path / "home") in refused.value.sentence


def test_workers_get_a_token_where_they_upload_themselves(robot: Robot, tmp_path: Path) -> None:
    crew = FakeCrew(tmp_path / "home", robot)
    collection = Collection(Plan(robot, "tabletop", "lift", 1, server="http://x"), crew)
    with pytest.raises(Refused):
        collection.turn(0.0)
    worker = crew.workers[0]
    assert isinstance(worker, FakeWorker) and robot.pk in worker.orders[0].token


def test_two_runs_for_one_robot_are_refused(robot: Robot) -> None:
    with homes(robot, 1), pytest.raises(Refused) as refused, homes(robot, 1):
        pass
    assert refused.value.code == "collecting_already"


def test_the_robot_is_made_once_and_is_not_in_the_fleet(robot: Robot) -> None:
    assert robots.recorder_of(robot.site, robot.name, SMALL, "test").pk == robot.pk
    assert robot.pk not in robots.read_roster()
    assert robot in Robot.objects.live()


def test_a_working_robot_s_name_and_another_embodiment_are_refused(robot: Robot) -> None:
    with pytest.raises(Refused) as refused:
        robots.recorder_of(robot.site, "kestrel-1", SMALL, "test")
    assert refused.value.code == "name_taken"
    other = msgspec.structs.replace(SMALL, record_hz=20.0)
    with pytest.raises(Refused) as refused:
        robots.recorder_of(robot.site, robot.name, other, "test")
    assert refused.value.code == "embodiment_changed"


def test_an_unknown_task_is_refused_with_those_there_are() -> None:
    with pytest.raises(CommandError, match=r"no task 'juggle'.*lift"):
        call_command("collect_demos", "--task", "juggle")
    assert not Robot.objects.exists()


def test_without_a_site_and_with_several_the_command_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="no site yet"):
        call_command("collect_demos", "--task", "lift")
    rig.world()
    with pytest.raises(CommandError, match="--site"):
        call_command("collect_demos", "--task", "lift")


def test_a_worker_that_dies_ends_the_run_with_what_it_said(robot: Robot, tmp_path: Path) -> None:
    crew = Crew(["--world", "tabletop", "--task", "juggle", "--robot", robot.pk], ROOT, [tmp_path / "home"])
    crew.start()
    collection = Collection(Plan(robot, "tabletop", "juggle", 1), crew)
    with pytest.raises(Refused, match="no task 'juggle'"):
        while not collection.ended:
            collection.turn()
    crew.end()
