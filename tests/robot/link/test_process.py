"""The link between its doors: real socket pairs, mailboxes and rings, with the neighbours' ends in the test's hands."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol import channel, permit, robot_link, runs, wire
from protocol.errors import Refused
from protocol.state import RecordingState
from robot import layout, masks, state, vitals
from robot.door import Door, door_pair, encode
from robot.identity import Identity
from robot.kernel import door as kernel_door
from robot.link.process import Link
from robot.link.recording import RecorderLink
from robot.mailbox import Mailbox
from robot.media import door as media_door
from robot.pilot import door as pilot_door
from robot.recorder import door as recorder_door
from robot.rings import Ring
from tests.robot.link.small_server import until
from tests.robot.masked import LEFT_HALF, SERVER_KEY, signed
from tests.robot.test_launcher import make_status

RENEWAL = permit.Signed(payload="", signature="")


class Neighbours:
    """Everything around a link: `link` itself, the far ends of its doors, and what it told the server."""

    def __init__(self, folder: Path, body: str = "simulated") -> None:
        run_dir = folder / "run"
        run_dir.mkdir()
        Identity.create(folder).adopt(folder)
        setup = layout.Setup(
            robot="ab" * 16, name="r", server="http://127.0.0.1:9", server_key=base64.b64encode(bytes(32)).decode(),
            program="test", state_dir=str(folder), body=body,
        )  # fmt: skip
        (run_dir / "setup.json").write_bytes(msgspec.json.encode(setup))
        kernel, link_kernel = door_pair()
        media, link_media = door_pair()
        recorder, link_recorder = door_pair()
        pilot, link_pilot = door_pair()
        doors = {"kernel": link_kernel, "media": link_media, "recorder": link_recorder, "pilot": link_pilot}
        self.place = layout.Place(run_dir, setup, doors)
        self.kernel, self.media, self.recorder, self.pilot = Door(kernel), Door(media), Door(recorder), Door(pilot)
        self.status = Mailbox.create(self.place.status, layout.STATUS_BYTES)
        self.events = Ring.create(self.place.events, 16, layout.EVENT_BYTES)
        Mailbox.create(run_dir / vitals.FILE, vitals.BYTES)
        self.now_s = 100.0
        self.told: list[wire.Message] = []
        self.pictures: list[tuple[int, bytes]] = []
        self.link = self.new_link()

    def new_link(self) -> Link:
        link = Link(self.place, clock=lambda: self.now_s)
        link.uplink.tell = self.told.append  # type: ignore[method-assign]
        link.uplink.snapshot = lambda camera, jpeg: self.pictures.append((camera, jpeg))  # type: ignore[method-assign]
        return link

    def kernel_says(self, **changes: Any) -> None:
        self.status.put(encode(make_status(mono_s=self.now_s, **changes)), self.now_s)

    def kernel_heard(self) -> list[kernel_door.ToKernel]:
        return [kernel_door.decode_to_kernel(raw) for raw in self.kernel.packets(100)]

    def media_heard(self) -> list[media_door.ToMedia]:
        return [media_door.decode_to_media(raw) for raw in self.media.packets(100)]

    def event(self, n: int, epoch: int = 1) -> None:
        happened = kernel_door.Event(
            n=n, mono_s=1.0, time_ns=5, event="mode", before="SAFE_HOLD", after="ESTOP", epoch=epoch, actor="ada"
        )
        self.events.push(encode(happened))


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours.link.start(asyncio.get_running_loop())
    yield neighbours
    for end in neighbours.place.doors.values():
        asyncio.get_running_loop().remove_reader(end.fileno())


async def test_a_stop_from_the_server_is_repeated_until_the_kernel_has_latched_it(around: Neighbours) -> None:
    around.link.on_message(robot_link.StopNow(source="ada"))
    assert [m.source for m in around.kernel_heard() if isinstance(m, kernel_door.Stop)] == ["ada"]
    around.kernel_says()
    around.link.tick()
    around.link.tick()
    (one, two) = (m for m in around.kernel_heard() if isinstance(m, kernel_door.Stop))
    assert around.told == []  # the truth is the kernel's alone
    around.kernel.send(kernel_door.Stopped(id=one.id, source="ada", mono_s=100.0))
    around.kernel.send(kernel_door.Stopped(id=two.id, source="ada", mono_s=100.0))
    await until(lambda: around.told)
    assert around.told == [robot_link.StopAck(source="ada")]
    around.link.tick()
    assert around.kernel_heard() == []


async def test_a_dead_kernels_door_is_not_filled(around: Neighbours) -> None:
    around.kernel_says()
    around.link.on_message(robot_link.StopNow(source="ada"))
    around.now_s += 1.0
    for _ in range(100):
        around.link.tick()
    assert len(around.kernel_heard()) == 1


async def test_renewals_go_to_the_kernel_as_they_are(around: Neighbours) -> None:
    around.link.on_message(robot_link.Renew(renewal=RENEWAL))
    assert around.kernel_heard() == [kernel_door.Renew(renewal=RENEWAL)]


async def test_a_hold_outlives_link_and_kernel_and_ends_with_the_welcome(around: Neighbours, tmp_path: Path) -> None:
    around.link.on_held("The key lives twice.")
    assert around.kernel_heard() == [kernel_door.SetHeld(id="held", held=True)]
    assert state.held(tmp_path) == "The key lives twice."
    again = around.new_link()
    around.kernel_says(held=False)  # a new kernel
    again.tick()
    assert kernel_door.SetHeld(id="held", held=True) in around.kernel_heard()
    again.on_message(robot_link.Offer(session="s", person="p", name="Ada", sdp="v=0"))
    await until(lambda: around.told)
    assert around.told[0] == robot_link.SessionRefused(
        session="s", code="held", sentence="This robot is held: The key lives twice."
    )
    again.on_welcome(robot_link.Welcome(time_ns=time.time_ns(), log_from=1))
    assert kernel_door.SetHeld(id="held", held=False) in around.kernel_heard()
    assert state.held(tmp_path) == ""


async def test_a_bad_offer_is_refused_by_its_code(around: Neighbours) -> None:
    around.link.on_message(robot_link.Offer(session="s", person="p", name="Ada", sdp="nonsense"))
    await until(lambda: around.told)
    (refused,) = around.told
    assert isinstance(refused, robot_link.SessionRefused)
    assert (refused.session, refused.code) == ("s", "sdp_invalid")


async def test_kernel_events_are_logged_once_also_by_a_new_link(around: Neighbours) -> None:
    around.event(1)
    around.event(2)
    around.link.tick()
    around.link.tick()
    assert [(e.n, e.detail["event_n"], e.actor) for e in around.link.log.batch(9)] == [(1, 1, "ada"), (2, 2, "ada")]
    around.link.log.close()
    around.event(3)
    around.event(1, epoch=2)  # a new kernel counts from 1
    again = around.new_link()
    again.tick()
    assert [(e.epoch, e.detail["event_n"]) for e in again.log.batch(9)] == [(1, 1), (1, 2), (1, 3), (2, 1)]


async def test_overwritten_events_are_admitted(around: Neighbours) -> None:
    for n in range(1, 41):
        around.event(n)
    around.link.tick()
    assert around.link.log.batch(99)[-1].event == "events_missed"


async def test_what_the_recorder_says_is_reported_and_logged(around: Neighbours) -> None:
    recording = RecordingState(state="recording", episode="e1", frames=3)
    around.recorder.send(recorder_door.Report(recording=recording, rows_lost=2, disk_free_mb=10.0))
    around.recorder.send(recorder_door.Happened(time_ns=9, event="record_started", episode="e1", actor="ada"))
    around.recorder.send(recorder_door.NeedToken())
    await until(lambda: around.told)
    assert around.told == [robot_link.TokenRequest()]
    assert around.link._known.recording == recording
    (entry,) = around.link.log.batch(9)
    assert (entry.event, entry.actor, entry.detail) == ("record_started", "ada", {"episode": "e1"})
    around.link.on_message(robot_link.Token(token="t", valid_s=60.0))
    assert recorder_door.SetToken(token="t", valid_s=60.0) in [
        recorder_door.decode_to_recorder(raw) for raw in around.recorder.packets(9)
    ]


async def test_a_new_media_process_is_told_again_who_watches_and_looks(around: Neighbours) -> None:
    around.link.on_message(robot_link.Snapshots(wanted=True))
    around.media_heard()
    around.media.send(media_door.Started())
    await asyncio.sleep(0)
    await until(lambda: len(heard := around.media_heard()) and media_door.Snapshots(wanted=True) in heard)


async def test_pictures_travel_by_the_cameras_number_and_rubbish_is_left(around: Neighbours) -> None:
    around.media._end.send(b"rubbish")
    around.media.send(media_door.Snapshot(camera="nobody", mono_s=1.0, jpeg=b"?"))
    around.media.send(media_door.Snapshot(camera="wrist", mono_s=1.0, jpeg=b"jpeg"))
    await until(lambda: around.pictures)
    assert around.pictures == [(1, b"jpeg")]


async def test_a_clock_that_is_a_day_off_is_noted_and_logged(around: Neighbours) -> None:
    around.link.on_welcome(robot_link.Welcome(time_ns=time.time_ns() - 3 * 86_400 * 10**9, log_from=1))
    assert [e.event for e in around.link.log.batch(9)] == ["clock_off"]
    assert "clock is +2592" in around.link._known.notes[0]
    around.link.on_welcome(robot_link.Welcome(time_ns=time.time_ns(), log_from=1))
    assert around.link._known.notes == ()


async def test_orders_go_to_the_pilot_and_its_reports_to_the_server_as_they_are(around: Neighbours) -> None:
    run, fence = "ab" * 16, 3
    order = runs.RunOrder(
        run=run, fence=fence, instruction="Lift it", policy="cd" * 16, policy_name="starter 1", permit=RENEWAL,
        pictures={"scene": (96, 72)}, goal=runs.Goal("lift", "red cube"),
    )  # fmt: skip
    orders = [order, runs.RunResume(run=run, fence=fence, permit=RENEWAL), runs.RunEnd(run=run, fence=fence, result="failure")]
    orders.append(runs.RunNoted(run=run, fence=fence))  # type: ignore[arg-type]
    for message in orders:
        around.link.on_message(message)
    assert [pilot_door.decode_to_pilot(raw) for raw in around.pilot.packets()] == orders
    report = runs.RunReport(run=run, fence=fence, n=1, time_ns=5, phase="moving", doubt=0.5)
    around.pilot.send(report)
    await until(lambda: around.told)
    assert around.told == [report]


async def test_a_scene_without_a_world_says_so(around: Neighbours) -> None:
    for asked in (around.link._reset_scene(None), around.link._paint_scene({"mat": "red"})):
        with pytest.raises(Refused, match="no_scene"):
            await asked
    Mailbox.create(around.place.run_dir / "world.scene", 1000)
    with pytest.raises(Refused, match="world_away"):
        await around.link._reset_scene(3)


@contextlib.asynccontextmanager
async def answering(*answers: recorder_door.Answer) -> AsyncIterator[tuple[RecorderLink, list[Any]]]:
    """A recorder that gives these answers, with the id of what it was asked."""
    far, near = door_pair()
    link, asked, left = RecorderLink(Door(near), lambda _: None), [], list(answers)
    door = Door(far)

    def hear() -> None:
        for raw in door.packets(9):
            asked.append(recorder_door.decode_to_recorder(raw))
            if left:
                door.send(msgspec.structs.replace(left.pop(0), id=asked[-1].id))

    loop = asyncio.get_running_loop()
    loop.add_reader(far.fileno(), hear)
    loop.add_reader(near.fileno(), link.read)
    yield link, asked
    loop.remove_reader(far.fileno())
    loop.remove_reader(near.fileno())


async def test_recording_is_done_when_the_recorder_says_so() -> None:
    async with answering(*[recorder_door.Answer()] * 4) as (link, asked):
        await link.record("p", "Ada", channel.RecordStart(instruction="lift"))
        await link.record("p", "Ada", channel.RecordStop(outcome="success", discard=False))
        await link.record("p", "Ada", channel.SaveLast(seconds=5.0, instruction="again"))
        await link.record("p", "Ada", channel.RecordUndo())
    assert [(type(m).__name__, m.person, m.name) for m in asked] == [
        ("Start", "p", "Ada"), ("Stop", "p", "Ada"), ("SaveLast", "p", "Ada"), ("Undo", "p", "Ada"),
    ]  # fmt: skip


async def test_the_recorder_hears_which_campaign_a_take_is_for() -> None:
    async with answering(recorder_door.Answer()) as (link, asked):
        await link.record("p", "Ada", channel.RecordStart(instruction="lift", campaign="c" * 32, prompt="d" * 32))
    assert [(m.campaign, m.prompt) for m in asked if isinstance(m, recorder_door.Start)] == [("c" * 32, "d" * 32)]


async def test_a_refusing_and_a_silent_recorder_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot.link.recording.ANSWER_S", 0.05)
    async with answering(recorder_door.Answer(code="disk_full", sentence="The disk is full.")) as (link, _):
        with pytest.raises(Refused, match="disk_full: The disk is full"):
            await link.record("p", "Ada", channel.RecordStart(instruction="lift"))
        with pytest.raises(Refused, match="recorder_away"):
            await link.record("p", "Ada", channel.RecordStart(instruction="lift"))


async def test_masks_are_kept_when_this_robots_server_signed_them(around: Neighbours, tmp_path: Path) -> None:
    around.link._place = layout.Place(
        around.place.run_dir, msgspec.structs.replace(around.place.setup, server_key=SERVER_KEY), around.place.doors
    )
    robot = around.place.setup.robot
    around.link.on_message(robot_link.Masks(masks=signed(robot, 1)))
    around.link.on_message(robot_link.Masks(masks=signed(robot, 2, scene=(LEFT_HALF,))))
    assert masks.read(tmp_path, SERVER_KEY, robot).version == 2
    assert [(e.event, e.reason) for e in around.link.log.batch(9)] == [("masks_changed", "masked: scene")]
    with pytest.raises(Refused, match="masks_wrong_robot"):
        around.link.on_message(robot_link.Masks(masks=signed("another", 3)))
