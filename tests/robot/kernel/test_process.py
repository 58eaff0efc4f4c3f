"""The real kernel process with a recording body: drive it, stop it, kill it, freeze it.  Waits for what it asserts."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import command as wire
from protocol.command import Command
from protocol.permit import Permit, seal
from robot import layout
from robot.door import Door, door_pair
from robot.kernel import door as words
from robot.kernel.door import Answer, Status, Stopped
from robot.mailbox import Mailbox
from robot.rings import Ring
from tests.robot.kernel.recording_body import actions
from tests.robot.kernel.rig import FORTH, ZERO

ROOT = Path(__file__).parents[3]
SERVER = Ed25519PrivateKey.generate()
PATIENCE_S = 30.0  # only a broken kernel needs so long; a loaded machine may be slow
STALLS = 3  # leases that a machine may cost a test that drives


class Robot:
    """What the launcher makes, and a page that drives."""

    def __init__(self, folder: Path) -> None:
        key = base64.b64encode(SERVER.public_key().public_bytes_raw()).decode()
        setup = layout.Setup(
            robot="r", name="R", server="http://localhost", server_key=key, program="0", state_dir=str(folder),
            body="recording",
        )  # fmt: skip
        (folder / "setup.json").write_bytes(msgspec.json.encode(setup))
        self.place = layout.Place(folder, setup, {})
        self.box = Mailbox.create(self.place.status, layout.STATUS_BYTES)
        self.rows = Ring.create(self.place.rows, layout.ROW_SLOTS, layout.ROW_BYTES)
        Ring.create(self.place.events, layout.EVENT_SLOTS, layout.EVENT_BYTES).close()
        self.ours, self.theirs = door_pair()
        self.link = Door(self.ours)
        self.epoch, self.n = 0, 0
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        self.epoch += 1
        words_ = [str(self.place.run_dir), "--epoch", str(self.epoch), "--door", f"link={self.theirs.fileno()}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.robot.kernel.kernel_child", *words_], cwd=ROOT,
            pass_fds=[self.theirs.fileno()],
        )  # fmt: skip
        self.until(lambda status: status.epoch == self.epoch)
        return self.process

    def until(self, true: Callable[[Status], bool], meanwhile: Callable[[], None] = lambda: None) -> Status:
        """The first status for which it holds; `meanwhile` 50 times a second."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = self.box.get()
            if found is not None and true(status := words.decode_status(found[0])):
                return status
            meanwhile()
            time.sleep(0.02)
        raise AssertionError(f"not within {PATIENCE_S} s; last: {found}")

    def ask(self, message: words.DoorMessage) -> Answer | Stopped:
        assert self.link.send(message)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for packet in self.link.packets(100):
                told = words.decode_from_kernel(packet)
                if isinstance(told, (Answer, Stopped)):
                    return told
            time.sleep(0.002)
        raise AssertionError("the kernel did not answer")

    def acquire(self) -> Answer:
        """A permit that the machine lets grow too old on its way is written anew."""
        for _ in range(STALLS):
            if (answer := self._acquire()).code != "permit_expired":
                break
        return answer

    def _acquire(self) -> Answer:
        nonce = self.until(lambda status: bool(status.nonce)).nonce
        permit = Permit(robot="r", act="drive", person="ann", name="Ann", fingerprint="AA", nonce=nonce)
        payload = msgspec.json.encode(permit)
        answer = self.ask(words.Acquire(id="a", fingerprint="AA", permit=seal(payload, SERVER.sign(payload))))
        assert isinstance(answer, Answer)
        return answer

    def page(self, values: tuple[float, ...], epoch: int, seq: int) -> None:
        """A heartbeat and a command."""
        for kind, sent in ((wire.HEARTBEAT, ()), (wire.COMMAND, values)):
            self.n += 1
            now_s = time.monotonic()
            raw = wire.pack(Command(kind, wire.DEADMAN, epoch, seq, self.n, round(now_s * 1e6), 0, sent))
            self.link.send(words.Command(fingerprint="AA", raw=raw, seen_capture_mono_s=now_s))

    def drive(self) -> tuple[int, int]:
        """Takes the lease and moves; gives (epoch, seq).  A stall of this process costs the lease, rightly: then once more."""
        for _ in range(STALLS):
            answer, granted_s = self.acquire(), time.monotonic()
            assert answer.code == ""
            held = answer.epoch, answer.seq
            for _ in range(3):
                self.page(ZERO, *held)
                time.sleep(0.02)

            def settled(status: Status, since_s: float = granted_s) -> bool:
                moves = bool(status.done) and status.done[0] > 0.29
                return status.mono_s > since_s and (moves or status.lease is None)

            status = self.until(settled, lambda held=held: self.page(FORTH, *held))  # type: ignore[misc]
            if status.lease is not None:
                return held
            assert status.reason == "DEADMAN", status
        raise AssertionError(f"the deadman ended {STALLS} leases while the page drove")

    def actions(self) -> list[tuple[float, ...]]:
        return actions(self.place.run_dir / "actions")


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[Robot]:
    made = Robot(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()


def test_it_ticks_drives_and_ends_at_rest(robot: Robot) -> None:
    robot.drive()
    assert max(action[1] for action in robot.actions()) == pytest.approx(0.3)
    robot.process.terminate()
    assert robot.process.wait(PATIENCE_S) == 0
    assert robot.actions()[-1][1:] == (0, 0, 0, 0, -1), "told to stop"


def test_every_tick_leaves_a_row_and_missed_ones_are_counted(robot: Robot) -> None:
    reader = robot.rows.reader()
    first = robot.until(lambda status: status.tick > 5)
    robot.until(lambda status: status.tick > first.tick + 50)
    rows = [words.decode_row(record) for record in reader.read()[0]]
    assert [row.tick for row in rows] == list(range(rows[0].tick, rows[0].tick + len(rows)))
    spanned = round((rows[-1].mono_s - rows[0].mono_s) * 50)
    missed = robot.until(lambda status: True).missed_ticks
    assert len(rows) - 1 <= spanned + 1, "it never hurries to catch up"
    assert spanned - (len(rows) - 1) <= missed + 1


def test_i8_after_a_kill_nothing_of_the_old_lease_counts(robot: Robot) -> None:
    epoch, seq = robot.drive()
    robot.process.kill()
    robot.process.wait()
    before = len(robot.actions())
    for _ in range(10):
        robot.page(FORTH, epoch, seq)  # these wait in the door
    robot.start()
    status = robot.until(lambda status: status.tick > 60)
    assert (status.mode, status.lease, status.epoch) == ("SAFE_HOLD", None, epoch + 1)
    assert not any(any(action[1:5]) for action in robot.actions()[before:])
    assert robot.acquire().epoch == epoch + 1


def test_i3_a_latched_stop_outlives_a_kill(robot: Robot) -> None:
    robot.drive()
    told = robot.ask(words.Stop(source="bob"))
    assert isinstance(told, Stopped)
    robot.process.kill()
    robot.process.wait()
    later = [action for action in robot.actions() if action[0] >= told.mono_s]
    assert later
    assert not any(any(action[1:5]) for action in later), "nothing moved after the acknowledged stop"
    robot.start()
    status = robot.until(lambda status: True)
    assert (status.mode, status.stops) == ("ESTOP", ("bob",))
    assert robot.acquire().code == "stopped"


def test_a_page_that_stalls_loses_its_lease_and_drives_again(robot: Robot, monkeypatch: pytest.MonkeyPatch) -> None:
    page, sent = robot.page, 0

    def stalled(values: tuple[float, ...], epoch: int, seq: int) -> None:
        nonlocal sent
        sent += 1
        if sent == 4:
            robot.until(lambda status: status.reason == "DEADMAN")
        page(values, epoch, seq)

    monkeypatch.setattr(robot, "page", stalled)
    _, seq = robot.drive()
    assert seq >= 2


def test_a_frozen_kernel_wakes_up_without_its_lease(robot: Robot) -> None:
    epoch, seq = robot.drive()
    os.kill(robot.process.pid, signal.SIGSTOP)
    before = len(robot.actions())
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        robot.page(FORTH, epoch, seq)
        time.sleep(0.02)
    assert len(robot.actions()) <= before + 1
    os.kill(robot.process.pid, signal.SIGCONT)
    woken = time.monotonic()
    status = robot.until(lambda status: status.mono_s > woken)
    assert (status.mode, status.reason) == ("SAFE_HOLD", "DEADMAN")
    assert status.missed_ticks > 10
    assert not any(any(action[1:5]) for action in robot.actions()[before + 1 :]), "nothing old was carried out"


def test_it_imports_neither_django_nor_torch_nor_a_network_library() -> None:
    forbidden = ("django", "celery", "channels", "torch", "aiortc", "websockets", "pyarrow", "av", "asyncio")
    code = f"import sys; import robot.kernel.process; print([m for m in {forbidden!r} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
