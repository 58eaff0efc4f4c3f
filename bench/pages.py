"""What the benchmarks of pages stand on: the real server, people to sign in as, episodes recorded by the real recorder.

No robot runs.  Only one server a process: Django is set up for it here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from config import redis_server
from protocol.embodiment import Axis, Camera, Embodiment, Quantity
from protocol.episode_folder import META, decode_meta, hash_file
from protocol.row import Row
from robot.recorder.episode_recorder import About, EpisodeRecorder
from robot.recorder.finalise import Home
from robot.recorder.ticks import NewPicture, TickMaker

ROOT = Path(__file__).resolve().parent.parent
START_NS = 1_780_000_000_000_000_000
ROBOT = "b" * 32
HZ = 30.0
PIECE = 2 * 1024 * 1024
_EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
Draw = Callable[[int, str], NDArray[np.uint8]]  # (row, camera) -> picture, uint8[H*3/2, W] I420


@dataclass
class Pages:
    """A running server at `url`; `people` maps a role to (email, password)."""

    url: str
    data: Path
    people: dict[str, tuple[str, str]]

    def sign_in(self, page: Page, role: str = "operator") -> None:
        email, password = self.people[role]
        page.goto(f"{self.url}/sign-in/")
        page.fill("input[name=username]", email)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{self.url}/")

    def bring(self, folder: Path, embodiment: Embodiment) -> str:
        """The recorded episode of `folder` on the server, checked; its id."""
        from episodes import jobs
        from episodes.services import uploads
        from fleet.models import Robot, Site

        about = {"name": "kestrel-1", "public_key": "bench", "embodiment": msgspec.to_builtins(embodiment)}
        robot, _ = Robot.objects.get_or_create(pk=ROBOT, defaults={"site": Site.objects.get(), **about})
        files = {META: hash_file(folder / META), **decode_meta((folder / META).read_bytes()).files}
        upload = uploads.start_upload(robot, folder.name, files)
        for path in files:
            for offset, piece in _pieces(folder / path):
                uploads.keep_piece(upload, path, offset, hashlib.sha256(piece).hexdigest(), piece)
        uploads.complete(upload)
        jobs.check_episode(folder.name)
        return folder.name


def _pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    with open(path, "rb") as file:
        offset = 0
        while piece := file.read(PIECE):
            yield offset, piece
            offset += len(piece)


@contextlib.contextmanager
def pages() -> Iterator[Pages]:
    """A server on a free port with a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="reins-bench-") as folder, contextlib.ExitStack() as stack:
        data, port, redis_port = Path(folder), redis_server.free_port(), redis_server.free_port()
        os.environ.update(
            {
                "REINS_MODE": "demo",
                "REINS_DEMO": "1",
                "REINS_DATA_DIR": folder,
                "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright's own loop runs in this thread
            }
        )
        os.environ.pop("DATABASE_URL", None)
        redis = _child(stack, redis_server.command(redis_port, data))
        redis_server.wait(redis_port, redis)
        _manage("migrate", "--noinput", "--verbosity", "0")
        told = json.loads(_manage("seed_demo"))
        people = {
            role.strip(): (person["email"], person["password"])
            for person in told["people"]
            for role in person["roles"].split(",")
        }
        _child(stack, [sys.executable, "-m", "config.serve", "--port", str(port)])
        url = f"http://127.0.0.1:{port}"
        _wait(url)
        import django

        django.setup()
        yield Pages(url, data, people)


def _child(stack: contextlib.ExitStack, argv: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL)

    def end() -> None:
        process.terminate()
        process.wait()

    stack.callback(end)
    return process


def _manage(*words: str) -> str:
    return subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def _wait(url: str) -> None:
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=2)  # noqa: S310  # our own server
            return
        except urllib.error.HTTPError:
            return  # it answers; that no robot is there is no trouble
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


# -- episodes ----------------------------------------------------------------------------------------------------------


def embodiment(width: int, height: int, cameras: tuple[str, ...] = ("scene", "wrist")) -> Embodiment:
    """An arm with seven axes and eleven numbers sensed, like the tabletop's."""
    k = ((width / 1.0, 0.0, width / 2), (0.0, width / 1.0, height / 2), (0.0, 0.0, 1.0))
    rates = [("vx", "m/s"), ("vy", "m/s"), ("vz", "m/s"), ("wx", "rad/s"), ("wy", "rad/s"), ("wz", "rad/s")]
    return Embodiment(
        name="bench arm",
        state=tuple(Quantity(f"q{n}", "rad", -3.0, 3.0) for n in range(7))
        + tuple(Quantity(name, "m", -1.0, 1.0) for name in ("x", "y", "z"))
        + (Quantity("gripper", "m", 0.0, 0.1),),
        action=(*tuple(Axis(name, unit, -1.0, 1.0, 10.0) for name, unit in rates), Axis("gripper", "1", 0.0, 1.0, 10.0)),
        control_hz=50.0,
        record_hz=HZ,
        policy_hz=10.0,
        cameras=tuple(Camera(name, width, height, HZ, k, "base", _EYE) for name in cameras),
    ).check()


def record(folder: Path, body: Embodiment, rows: int, draw: Draw, instruction: str = "Lift the red cube") -> Path:
    """An episode folder from the real recorder, every number moving."""
    recorder = EpisodeRecorder(Home(folder), About(ROBOT, body, "bench"), sync_s=0)
    maker = TickMaker(body)
    recorder.start(instruction, START_NS)
    for i in range(rows):
        mono_s, time_ns = 100.0 + i / HZ, START_NS + round(i / HZ * 1e9)
        new = {camera.name: NewPicture(draw(i, camera.name), time_ns) for camera in body.cameras}
        recorder.tick(maker.make(mono_s, time_ns, _row(body, i, mono_s, time_ns), new, key=i == 0))
    return recorder.stop("unlabelled")


def _row(body: Embodiment, i: int, mono_s: float, time_ns: int) -> Row:
    def wave(n: int, high: float) -> float:
        return high * math.sin(i / (17.0 + 3 * n))

    asked = (*tuple(wave(n, 0.3) for n in range(len(body.action) - 1)), float(i // 300 % 2))
    done = tuple(0.9 * value for value in asked[:-1]) + asked[-1:]
    state = (*tuple(wave(n, 0.5) for n in range(len(body.state) - 1)), 0.04)
    pilot = ("policy", "operator", "operator")[i // 200 % 3]
    person = ("p1", "Mina") if pilot == "operator" else ("", "")
    latency_ms = 70.0 + 30 * abs(math.sin(i / 40)) if person[0] else math.nan
    clamps = 2 if i % 900 > 850 else 0
    return Row(i, mono_s, time_ns, "TELEOP", "", pilot, *person, 4, 2, 0, state, asked, done, clamps, latency_ms)


def scenery(width: int, height: int) -> NDArray[np.uint8]:
    """A still background with edges and grain, uint8[H, W] luma."""
    y, x = np.mgrid[0:height, 0:width]
    grain = np.random.default_rng(1).integers(-6, 7, (height, width))
    return np.clip(90 + 40 * np.sin(x / 23) * np.cos(y / 31) + grain, 16, 235).astype(np.uint8)


def i420(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey I420 of a luma picture."""
    height, width = luma.shape
    return np.vstack([luma, np.full((height // 2, width), 128, np.uint8)])


def first_episode(page: Page) -> dict[str, Any]:
    return dict(page.evaluate("fetch('/api/episodes').then(r => r.json()).then(a => a.items[0])"))
