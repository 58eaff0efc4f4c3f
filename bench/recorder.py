"""How much of an episode is lost when the recorder is killed: `python bench/recorder.py [--kills 200]`.

A process of its own hands rows (50 Hz) and stamped pictures (two cameras, 30 fps) to the real recorder process and writes
into each when it was handed over.  The recorder is killed with SIGKILL at a random moment of a recording, started again,
and what it saved is read: lost = time of the kill - the older of the last readable row and the last decodable picture.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import msgspec
import numpy as np
import pyarrow.parquet as pq

from bench.common import Pressure, median, percentile, report
from protocol.episode_folder import check_folder, hash_file
from protocol.errors import Refused
from protocol.row import Row
from protocol.stamp import STAMP_HEIGHT_PX, STAMP_WIDTH_PX, UNIT_NS, read_stamp, write_stamp
from robot.door import Door, door_pair
from robot.frame_ring import FrameRing
from robot.layout import EVENT_BYTES, EVENT_SLOTS, FRAME_SLOTS, ROW_BYTES, ROW_SLOTS, Place, Setup, load_setup
from robot.recorder import door
from robot.recorder.finalise import Home
from robot.rings import Ring
from robot.supervise import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
SHORTEST_S, LONGEST_S = 0.2, 2.0  # of recording before the kill


# -- the outside process -------------------------------------------------------------------------------------------------


def feed(run_dir: Path) -> None:
    """Hands over rows and pictures until it is killed; each carries the time of its handing over."""
    with contextlib.suppress(PermissionError):
        os.nice(-15)  # it stands for the control loop and the cameras, which the recorder never delays
    place = Place(run_dir, load_setup(run_dir), {})
    embodiment = place.spec().embodiment
    rows = Ring.open(place.rows)
    cameras = [(FrameRing.open(place.frames(camera.name)), camera) for camera in embodiment.cameras]
    noise = np.random.default_rng(1).integers(0, 256, (60, 160), np.uint8)
    background = np.kron(noise // 2 + 64, np.ones((8, 8), np.uint8))
    encode = msgspec.msgpack.Encoder().encode
    still = (0.0,) * len(embodiment.action)
    began = time.monotonic()
    tick = shown = 0
    while True:
        now = time.monotonic()
        if now >= began + tick / 50:
            state = (_stamp_s(now), *(0.0 for _ in embodiment.state[1:]))
            told = Row(tick, now, time.time_ns(), "TELEOP", "", "operator", "p", "P", 1, 1, 0, state, still, still, 0, 50.0)
            rows.push(encode(told))
            tick += 1
        if now >= began + shown / 30:
            for ring, camera in cameras:
                _show(ring, camera.width, camera.height, background, shown)
            shown += 1
        time.sleep(max(0.0, min(began + tick / 50, began + shown / 30) - time.monotonic()))


def _show(ring: FrameRing, width: int, height: int, background: np.ndarray, number: int) -> None:
    shift = number * 4 % 600
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = background[:height, shift : shift + width]
    stamp_ns = time.time_ns()
    if width >= STAMP_WIDTH_PX:
        write_stamp(picture[:height], stamp_ns, number)
    else:  # the same stamp at half the size
        stamp = np.zeros((STAMP_HEIGHT_PX, STAMP_WIDTH_PX), np.uint8)
        write_stamp(stamp, stamp_ns, number)
        picture[: STAMP_HEIGHT_PX // 2, : STAMP_WIDTH_PX // 2] = stamp[::2, ::2]
    ring.put(number, time.monotonic(), stamp_ns, picture)


def _stamp_s(mono_s: float) -> float:
    """Monotonic time modulo 1000 s: a float32 then tells 0.1 ms."""
    return mono_s % 1000.0


# -- the recorder and its killer -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loss:
    row_ms: float
    picture_ms: float
    recorded_s: float
    problem: str = ""

    @property
    def worst_ms(self) -> float:
        return max(self.row_ms, self.picture_ms)


def prepare(root: Path) -> Path:
    """A run folder with rings and no body: only the recorder reads them."""
    run_dir, state_dir = root / "run", root / "state"
    run_dir.mkdir()
    state_dir.mkdir()
    setup = Setup(
        robot="b" * 32, name="bench", server="http://127.0.0.1:9", server_key="", program="bench", state_dir=str(state_dir),
        body="simulated", recorder={"upload": False, "min_free_mb": 10.0},
    )  # fmt: skip
    (run_dir / "setup.json").write_bytes(msgspec.json.encode(setup))
    place = Place(run_dir, setup, {})
    Ring.create(place.rows, ROW_SLOTS, ROW_BYTES)
    Ring.create(place.events, EVENT_SLOTS, EVENT_BYTES)
    for camera in place.spec().embodiment.cameras:
        FrameRing.create(place.frames(camera.name), camera.width, camera.height, FRAME_SLOTS)
    return run_dir


@contextlib.contextmanager
def feeder(run_dir: Path) -> Iterator[None]:
    child = _start([sys.executable, "-m", "bench.recorder", "--feed", str(run_dir)])
    rows = Ring.open(run_dir / "rows")
    while rows.head < 50 and child.poll() is None:
        time.sleep(0.05)
    try:
        yield
        if child.poll() is not None:
            raise RuntimeError("The process that hands over rows and pictures has ended.")
    finally:
        child.kill()
        child.wait()


class Recorder:
    """The real recorder process behind its door."""

    def __init__(self, run_dir: Path) -> None:
        theirs, ours = door_pair()
        command = [sys.executable, "-m", "robot.recorder.process", str(run_dir), "--door", f"link={theirs.fileno()}"]
        self.process = _start(command, theirs)
        theirs.close()
        self._door = Door(ours)
        self.recording: door.RecordingState | None = None
        self.saved: list[str] = []

    def ask(self, request: door.ToRecorder) -> None:
        self._door.send(request)

    def wait(self, state: str, timeout_s: float = 30.0) -> None:
        """Until a report says `state`; TimeoutError with the last report otherwise."""
        until = time.monotonic() + timeout_s
        while self.recording is None or self.recording.state != state:
            if time.monotonic() > until:
                raise TimeoutError(f"The recorder is not {state}: {self.recording}")
            self.hear()

    def hear(self) -> None:
        """Reads what has been said, waiting a moment for something."""
        select.select([self._door], [], [], 0.1)
        for packet in self._door.packets(64):
            message = door.decode_from_recorder(packet)
            if isinstance(message, door.Report):
                self.recording = message.recording
            elif isinstance(message, door.Happened) and message.event in ("record_saved", "record_recovered"):
                self.saved.append(message.episode)
            elif isinstance(message, door.Answer) and message.code:
                raise Refused(message.code, message.sentence)

    def kill(self) -> tuple[float, int]:
        """Kills it; when, on both clocks."""
        when = (time.monotonic(), time.time_ns())
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._door.close()
        return when

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self._door.close()


def _start(command: list[str], given: socket.socket | None = None) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        pass_fds=[] if given is None else [given.fileno()],
        preexec_fn=lambda: die_with_parent(parent),
    )


def kill_while_recording(run_dir: Path, record_s: float) -> tuple[str, Loss]:
    """One take that ends in SIGKILL after `record_s`, recovered by a new process; its id and what was lost."""
    recorder = Recorder(run_dir)
    recorder.ask(door.Start(instruction="killed"))
    recorder.wait("recording")
    episode = recorder.recording.episode if recorder.recording else ""
    time.sleep(record_s)
    mono_s, time_ns = recorder.kill()
    again = Recorder(run_dir)
    try:
        again.wait("saved")
    except TimeoutError as error:
        return episode, Loss(np.inf, np.inf, record_s, str(error))
    finally:
        again.end()
    home = Home(Path(load_setup(run_dir).state_dir) / "recordings")
    return episode, lost(home.episodes / episode, mono_s, time_ns, record_s)


def lost(folder: Path, killed_mono_s: float, killed_ns: int, record_s: float) -> Loss:
    """What the saved episode lacks; `problem` names what could not be read."""
    try:
        meta = check_folder(folder, from_disk=True)
    except Refused as refused:
        return Loss(np.inf, np.inf, record_s, refused.sentence)
    last = float(pq.read_table(folder / "frames.parquet")["state"][-1].as_py()[0])
    row_ms = ((killed_mono_s - last) % 1000.0) * 1e3
    ages = [_picture_age_ms(folder / "video" / f"{camera}.mp4", meta.rows, killed_ns) for camera in meta.cameras]
    problem = "" if meta.cut else "it was not marked as cut"
    return Loss(row_ms, max(ages), record_s, problem if np.isfinite(max(ages)) else "a picture cannot be decoded")


def _picture_age_ms(path: Path, rows: int, killed_ns: int) -> float:
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    last = pictures[-1]
    if last.shape[1] < STAMP_WIDTH_PX:
        last = np.kron(last, np.ones((2, 2), np.uint8))
    stamp = read_stamp(last) if len(pictures) == rows else None
    if stamp is None:
        return float("inf")
    return ((killed_ns // UNIT_NS - stamp[0]) % (1 << 32)) / 10


# -- the benchmark -------------------------------------------------------------------------------------------------------


def run(kills: int, seed: int) -> None:
    pressure = Pressure()
    chance = random.Random(seed)
    losses: list[Loss] = []
    hashes: dict[Path, str] = {}
    with tempfile.TemporaryDirectory(prefix="bench-recorder-") as root:
        run_dir = prepare(Path(root))
        home = Home(Path(load_setup(run_dir).state_dir) / "recordings")
        with feeder(run_dir):
            for number in range(kills):
                episode, loss = kill_while_recording(run_dir, chance.uniform(SHORTEST_S, LONGEST_S))
                losses.append(loss)
                if not loss.problem:
                    hashes[home.episodes / episode] = hash_file(home.episodes / episode / "episode.json").sha256
                if loss.problem or loss.worst_ms > 100:
                    print(f"kill {number}: row {loss.row_ms:.1f} ms, picture {loss.picture_ms:.1f} ms {loss.problem}")
        changed = sum(not _same(folder, sha256) for folder, sha256 in hashes.items())
    row = {
        "name": "reins",
        "kills": kills,
        "worst_lost_ms": round(max(loss.worst_ms for loss in losses), 1),
        "p50_lost_ms": round(median(loss.worst_ms for loss in losses), 1),
        "p99_lost_ms": round(percentile([loss.worst_ms for loss in losses], 0.99), 1),
        "worst_row_ms": round(max(loss.row_ms for loss in losses), 1),
        "files_unreadable": sum(bool(loss.problem) for loss in losses),
        "earlier_changed": changed,
    }
    report("recorder", [row], pressure)


def _same(folder: Path, sha256: str) -> bool:
    """Whether an earlier episode is still what it was: its own list of hashes unchanged, and true."""
    try:
        check_folder(folder, from_disk=True)
    except Refused:
        return False
    return hash_file(folder / "episode.json").sha256 == sha256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--feed", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.feed:
        feed(options.feed)
    else:
        run(options.kills, options.seed)


if __name__ == "__main__":
    main()
