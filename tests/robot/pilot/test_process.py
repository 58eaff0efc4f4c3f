"""A whole robot in a simulated world, its runs asked and answered over real sockets: it moves, holds, and says why."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from protocol import inference, robot_link
from protocol.episode_folder import check_folder
from protocol.permit import Permit, Signed
from protocol.runs import Goal, RunOrder, RunReport
from tests.robot.link.small_server import until
from tests.robot.pilot.stub import ROBOT, Robot, chunk, running

LIFT = {"instruction": "Lift the red cube", "goal": Goal("lift", "red cube")}
OPEN_END = {"instruction": "Lift the red cube", "goal": None}


@pytest.fixture
async def robot(tmp_path: Path) -> AsyncIterator[Robot]:
    async with running(tmp_path) as robot:
        yield robot


def at_rest(robot: Robot) -> bool:
    status = robot.status()
    return status is not None and not any(status.done[:6])


async def saved(robot: Robot, episode: str) -> Path:
    folder = robot.folder / "recordings" / "episodes" / episode
    await until(lambda: (folder / "episode.json").exists())
    return folder


def column(folder: Path, name: str) -> list[object]:
    import pyarrow.parquet as pq

    values: list[object] = pq.read_table(folder / "frames.parquet", columns=[name])[name].to_pylist()
    return values


async def test_a_run_moves_until_the_world_sees_its_goal_and_becomes_an_episode(robot: Robot) -> None:
    robot.server.answering = robot.expert
    order = await robot.order()
    report = await robot.until(order, "ended")
    assert (report.result, report.judge, report.reason) == ("success", "world", "done")
    assert report.step >= 2 and report.delay_ms is not None and report.seam is not None
    first = robot.server.observed[0]
    assert set(first.pictures) == {"scene", "wrist"} and first.prefix == b""
    assert inference.floats(robot.server.observed[-1].prefix, 7).shape[0] >= 1
    folder = await saved(robot, report.episode)
    meta = check_folder(folder)
    assert (meta.instruction, meta.outcome) == ("Reach the red cube", "success")
    pilots = column(folder, "pilot")
    assert "policy" in pilots
    assert {fence for fence, pilot in zip(column(folder, "fence"), pilots, strict=True) if pilot == "policy"} == {order.fence}
    assert max(c for c in column(folder, "chunk") if isinstance(c, int)) in (report.chunk, report.chunk - 1)
    assert '"event":"scene"' in (folder / "events.jsonl").read_text().replace('": "', '":"')

    # I17: the same fence, and a lower one, are refused; what was noted stays known
    again = await robot.order(fence=order.fence)
    refused = await robot.until(again, "ended")
    assert (refused.result, refused.reason, refused.highest) == ("refused", "fenced", order.fence)


def nans(o: inference.Observed) -> inference.Chunk:
    return chunk(o, np.full((8, 7), np.nan))


def huge(o: inference.Observed) -> inference.Chunk:
    return chunk(o, np.full((8, 7), 1e30))


def wrong_shape(o: inference.Observed) -> inference.Chunk:
    return chunk(o, np.zeros((8, 5)))


def no_rows(o: inference.Observed) -> inference.Chunk:
    return chunk(o, np.zeros((0, 7)))


def refused(o: inference.Observed) -> inference.Trouble:
    return inference.Trouble(n=o.n, code="policy_output", sentence="The policy answered with a value that is no number.")


async def test_what_no_robot_may_follow_makes_it_hold_until_a_person_says_go_on(robot: Robot) -> None:
    good = True
    bad = nans

    async def answering(observed: inference.Observed) -> inference.Chunk | inference.Trouble:
        return await robot.expert(observed, "lift") if good else bad(observed)

    robot.server.answering = answering
    order = await robot.order(**OPEN_END)
    kept = []
    for kind in (nans, huge, wrong_shape, no_rows, refused):
        await robot.until(order, "moving")
        bad, good = kind, False
        report = await robot.until(order, "holding", "policy_output")
        assert report.sentence
        await until(lambda: at_rest(robot))
        kept.append((await robot.now()).lease is not None)
        good = True
        await robot.resume(order)
    assert any(kept), "the lease is kept while it can be; a machine that stalls may cost it"
    await robot.until(order, "moving")
    await robot.end(order, "failure")
    report = await robot.until(order, "ended")
    assert (report.result, report.judge) == ("failure", "person")
    folder = await saved(robot, report.episode)
    assert {"policy", "hold"} <= set(column(folder, "pilot"))
    assert check_folder(folder).outcome == "failure"


async def test_silence_and_answers_that_come_too_late_starve_it_and_it_goes_on_by_itself(robot: Robot) -> None:
    """SAFETY F31: hold within a chunk's horizon, also when the server thinks for 10 s."""
    late_s = 0.0
    thought_long: list[int] = []

    async def answering(observed: inference.Observed) -> inference.Chunk | None:
        if late_s:
            await asyncio.sleep(late_s)
            thought_long.append(observed.n)
        return await robot.expert(observed, "lift")

    robot.server.answering = answering
    order = await robot.order(**OPEN_END)
    await robot.until(order, "moving")
    robot.server.answering = None
    report = await robot.until(order, "holding", "starved")
    assert "by itself" in report.sentence
    await until(lambda: at_rest(robot))
    robot.server.answering = answering
    await robot.until(order, "moving")
    late_s = 10.0
    await robot.until(order, "holding", "starved")
    assert thought_long == [], "it waits for no answer before it holds"
    late_s = 0.0
    await robot.until(order, "moving")
    # the server of the policies is restarted
    assert robot.server.asking is not None
    robot.server.answering = None
    await robot.server.asking.close()
    await robot.until(order, "holding")
    robot.server.answering = answering
    await robot.until(order, "moving", within_s=10.0)
    await robot.end(order)
    await robot.until(order, "ended")


async def test_doubt_holds_and_an_answer_goes_on(robot: Robot) -> None:
    doubt = 0.1

    async def answering(observed: inference.Observed) -> inference.Chunk:
        told = await robot.expert(observed, "lift")
        return chunk(observed, inference.floats(told.actions, 7), doubt=doubt, limit=1.0)

    robot.server.answering = answering
    order = await robot.order(**LIFT)
    await robot.until(order, "moving")
    doubt = 2.0
    report = await robot.until(order, "holding", "doubt")
    assert (report.doubt, report.limit) == (2.0, 1.0)
    await robot.resume(order, doubt_off_s=60.0)
    report = await robot.until(order, "ended")
    assert (report.result, report.judge) == ("success", "world")
    folder = await saved(robot, report.episode)
    assert 2.0 in column(folder, "uncertainty")


async def test_a_remote_stop_holds_and_only_a_new_permit_goes_on(robot: Robot) -> None:
    robot.server.answering = lambda observed: robot.expert(observed, "lift")
    order = await robot.order(**OPEN_END)
    await robot.until(order, "moving")
    await robot.server.say(robot_link.StopNow(source="ada"))
    report = await robot.until(order, "holding", "stopped")
    assert "clear" in report.sentence
    await robot.resume(order)
    await robot.until(order, "holding", "stopped")
    assert (await robot.now()).mode == "ESTOP"
    await robot.end(order, "cancelled")
    assert (await robot.until(order, "ended")).result == "cancelled"


async def test_a_pilot_that_was_silent_for_a_moment_holds_until_a_person_says_go_on(robot: Robot) -> None:
    robot.server.answering = lambda observed: robot.expert(observed, "lift")
    order = await robot.order(**LIFT)
    await robot.until(order, "moving")
    await silenced(robot)
    report = await robot.until(order, "holding", "deadman")
    assert "silent" in report.sentence
    stood = robot.stalls
    await robot.resume(order)
    await robot.until(order, "moving")
    await silenced(robot)
    assert (await robot.until(order, "ended")).result == "success"
    assert robot.stalls > stood, "what a stall of the machine costs was answered as a person would"


async def silenced(robot: Robot) -> None:
    """Its pilot is not let run until the kernel has missed it."""
    pid = robot.pid("pilot")
    os.kill(pid, signal.SIGSTOP)
    try:
        await until(lambda: (now := robot.status()) is not None and now.reason == "DEADMAN")
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_robot_that_is_silent_again_and_again_passes_no_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    robot = Robot(tmp_path)
    order = RunOrder(
        run="1" * 32,
        fence=1,
        instruction="",
        policy="e" * 32,
        policy_name="",
        permit=Signed(payload="", signature=""),
        pictures={},
    )
    let: list[object] = []

    async def resumed(_: RunOrder, **changes: object) -> None:
        let.append(changes)
        say("moving", "")
        say("holding", "deadman")

    def say(phase: str, reason: str) -> None:
        n = len(robot.server.heard)
        robot.server.heard.append(
            RunReport(run=order.run, fence=1, n=n, time_ns=n, phase=phase, reason=reason)  # type: ignore[arg-type]
        )

    monkeypatch.setattr(robot, "resume", resumed)
    say("holding", "deadman")
    await robot.until(order, "holding", "deadman")
    assert let == []
    with pytest.raises(AssertionError, match="held 4 times"):
        await robot.until(order, "ended")
    assert len(let) == 3


async def test_a_killed_pilot_stops_the_arm_and_reports_its_run_as_interrupted(robot: Robot) -> None:
    robot.server.answering = lambda observed: robot.expert(observed, "lift")
    order = await robot.order(**OPEN_END)
    moving = await robot.until(order, "moving")
    os.kill(robot.pid("pilot"), signal.SIGKILL)
    report = await robot.until(order, "ended")
    assert (report.result, report.reason, report.episode) == ("interrupted", "pilot_restarted", moving.episode)
    await until(lambda: (now := robot.status()) is not None and now.mode == "SAFE_HOLD" and at_rest(robot))
    await saved(robot, report.episode)
    later = await robot.order()
    robot.server.answering = robot.expert
    assert (await robot.until(later, "ended")).result == "success"


async def test_a_run_does_not_go_on_without_its_recording(robot: Robot) -> None:
    robot.server.answering = lambda observed: robot.expert(observed, "lift")
    order = await robot.order(**OPEN_END)
    await until(lambda: any(report.episode and report.phase == "moving" for report in robot.reports(order)))
    os.kill(robot.pid("recorder"), signal.SIGKILL)
    report = await robot.until(order, "ended")
    assert (report.result, report.reason) == ("interrupted", "recording_ended")
    await until(lambda: at_rest(robot))
    await saved(robot, report.episode)


async def test_orders_that_cannot_be_are_refused_with_what_to_do(robot: Robot) -> None:
    async def refusal(**changes: object) -> RunReport:
        return await robot.until(await robot.order(**changes), "ended")

    assert (await refusal(pictures={"ceiling": (96, 72)})).reason == "camera_unknown"
    assert (await refusal(pictures={})).reason == "invalid_field:pictures"
    missing = await refusal(folder=str(robot.folder / "nothing"))
    assert (missing.result, missing.reason) == ("refused", "policy_unusable")
    other = robot.server.sign(Permit(robot=ROBOT, act="policy", person="", name="x", fingerprint="pilot", nonce="of another day"))
    assert (await refusal(permit=other)).reason == "permit_expired"
