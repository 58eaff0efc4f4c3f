"""Many robots ask one policy more often than it can answer: `python bench/serving.py [--heads flow] [--robots 24]`.

Open loop: each robot asks on its own schedule, whatever was answered.  `batched` and `unbatched` go the whole way: socket, Redis,
the process that serves, back; once with eight robots in a batch, once with one.  `serial_server` is the same policy behind one
loop that answers one question at a time over a WebSocket.  PyTorch has one thread everywhere.  Latency counts from when a
question was due; `replaced_pct` had no answer before the end, mostly because a newer one of the same robot took its place.
`cpu_ms` is the CPU time of the process that computes, per answer: it holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import msgspec
import numpy as np
import torch
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.common import ROOT, Pressure, percentile, report, tree_cpu_s
from bench.rollout import SIZE, Arena
from config import redis_server
from policies.learning.checkpoint import save_policy
from policies.learning.config import Body, ModelConfig
from policies.learning.folder import Card
from policies.learning.preprocess import scale_of
from policies.learning.vla import Vla, count_parameters
from protocol import inference
from protocol.inference import JPEG_QUALITY, Chunk, Observed
from robot.collect.size import resized
from robot.world.embodiments import TABLETOP
from tests.serving_site import ServingSite, ask

SETTLE_S = 2.0  # of each row, not counted
BODY = resized(TABLETOP, *SIZE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", default="flow", help="regression, flow, diffusion, tokens")
    parser.add_argument("--robots", type=int, default=24)
    parser.add_argument("--hz", type=float, default=10.0, help="questions of each robot")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=8)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    pressure = Pressure()
    questions = observe()
    rows = []
    for head in options.heads.split(","):
        with tempfile.TemporaryDirectory(prefix="reins-bench-") as folder:
            policy = drawn(Path(folder) / "policy", head)
            suffix = "" if head == "flow" else f"/{head}"
            for name, batch in (("batched", options.batch), ("unbatched", 1)):
                rows.append({"row": name + suffix, **ours(Path(folder) / name, policy, batch, questions, options)})
            rows.append({"row": f"serial_server{suffix}", **theirs(policy, questions, options)})
            ratio = rows[-3]["requests_per_s"] / max(0.1, rows[-2]["requests_per_s"])
            print(f"{head}: batched answers {ratio:.2f} times as many as unbatched", file=sys.stderr)
    report("serving", rows, pressure)
    return 0


def observe() -> list[Observed]:
    """What the simulated arm sees in some scenes, in the pictures that the policy asks for."""
    arena, found = Arena("reach", BODY), []
    slot = ModelConfig().slots[0]
    for seed in range(8):
        arena.begin(seed)
        seen = arena.observe("reach for the red cube", seed)
        pictures = {camera: jpeg(picture, slot.width, slot.height) for camera, picture in seen.images.items()}
        state = seen.state.astype("<f4").tobytes()
        about = {"run": "", "policy": "", "step": 0, "captured_ns": 1, "instruction": seen.instruction}
        found.append(Observed(n=0, state=state, pictures=pictures, **about))
    arena.close()
    return found


def jpeg(picture: np.ndarray[Any, Any], width: int, height: int) -> bytes:
    small = cv2.resize(picture[..., ::-1], (width, height), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])


def drawn(folder: Path, head: Any) -> Path:
    """A policy of the starter's size, its weights drawn by chance: they do not change how long it takes."""
    names = tuple(quantity.name for quantity in BODY.state)[:5]
    body = Body(embodiment=BODY, proprioception=names, cameras={camera.name: camera.name for camera in BODY.cameras})
    torch.manual_seed(0)
    model = Vla(ModelConfig(head=head, objects=("red cube", "blue cube"), bodies=(body,)).check())
    rows = np.random.default_rng(0)
    scale = scale_of(
        body, rows.normal(size=(9, len(names))).astype(np.float32), rows.normal(size=(9, len(BODY.action))).astype(np.float32),
        np.zeros((0, 3), np.float32),
    )  # fmt: skip
    save_policy(folder, model, (scale,), Card(name=head, parameters=count_parameters(model)))
    return folder


# -- the two ends ------------------------------------------------------------------------------------------------------


def ours(folder: Path, policy: Path, batch: int, questions: list[Observed], options: argparse.Namespace) -> dict[str, Any]:
    folder.mkdir()
    settings = {"REINS_SERVING_BATCH": str(batch), "REINS_SERVERS_PER_POLICY": "1", "OMP_NUM_THREADS": "1"}
    site = ServingSite(folder, policy, BODY, robots=options.robots, settings=settings)
    try:
        return asyncio.run(_ours(site.start(), questions, options))
    finally:
        site.stop()


async def _ours(site: ServingSite, questions: list[Observed], options: argparse.Namespace) -> dict[str, Any]:
    asked = [msgspec.structs.replace(one, policy=site.policy_id) for one in questions]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(site.connected(asker)) for asker in site.askers]
        end_s = time.monotonic() + 60
        while not isinstance(await ask(sockets[0], asked[0]), Chunk):
            assert time.monotonic() < end_s, site.log()[-3000:]
            await asyncio.sleep(0.2)
        return await load(sockets, asked, options, site.servers()[0])


def theirs(policy: Path, questions: list[Observed], options: argparse.Namespace) -> dict[str, Any]:
    port = redis_server.free_port()
    command = [sys.executable, "-m", "bench.serial_server", str(policy), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            return asyncio.run(_theirs(port, questions, options, server.pid))
        finally:
            server.kill()


async def _theirs(port: int, questions: list[Observed], options: argparse.Namespace, pid: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(_plain(port)) for _ in range(options.robots)]
        return await load(sockets, questions, options, pid)


@asynccontextmanager
async def _plain(port: int) -> AsyncIterator[ClientConnection]:
    socket = await connect(f"ws://127.0.0.1:{port}", compression=None, ping_interval=None, close_timeout=0.1)
    try:
        yield socket
    finally:
        socket.transport.abort()


# -- the load ------------------------------------------------------------------------------------------------------------


@dataclass
class Heard:
    asked: int = 0
    answered: int = 0  # also before and after what is counted
    troubles: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)


async def load(
    sockets: list[ClientConnection], questions: list[Observed], options: argparse.Namespace, pid: int
) -> dict[str, Any]:
    """`pid` is of the process that computes."""
    heard = Heard()
    spent_s = -tree_cpu_s([pid])
    began_s = time.monotonic() + 0.2
    counted = began_s + SETTLE_S, began_s + SETTLE_S + options.seconds
    async with asyncio.TaskGroup() as group:
        for index, socket in enumerate(sockets):
            due: dict[int, float] = {}
            first_s = began_s + index / len(sockets) / options.hz
            group.create_task(_send(socket, questions, first_s, options.hz, counted, due, heard))
            group.create_task(_hear(socket, counted, due, heard))
    spent_s += tree_cpu_s([pid])
    return {
        "p50_ms": round(percentile(heard.latencies_ms, 0.5), 1),
        "p99_ms": round(percentile(heard.latencies_ms, 0.99), 1),
        "requests_per_s": round(len(heard.latencies_ms) / options.seconds, 1),
        "asked_per_s": round(heard.asked / options.seconds, 1),
        "replaced_pct": round(100 * max(0, 1 - len(heard.latencies_ms) / max(1, heard.asked)), 1),
        "batch": round(sum(heard.batches) / max(1, len(heard.batches)), 2),
        "cpu_ms": round(1000 * spent_s / max(1, heard.answered), 2),
        "troubles": heard.troubles,
    }


async def _send(
    socket: ClientConnection, questions: list[Observed], first_s: float, hz: float, counted: tuple[float, float],
    due: dict[int, float], heard: Heard,
) -> None:  # fmt: skip
    n = 1000
    while (at_s := first_s + (n - 1000) / hz) < counted[1]:
        await asyncio.sleep(max(0.0, at_s - time.monotonic()))
        n += 1
        due[n] = at_s
        heard.asked += counted[0] <= at_s
        try:
            async with asyncio.timeout(max(0.01, counted[1] - time.monotonic())):
                await socket.send(inference.encode(msgspec.structs.replace(questions[n % len(questions)], n=n)))
        except (TimeoutError, ConnectionClosed):
            return


async def _hear(socket: ClientConnection, counted: tuple[float, float], due: dict[int, float], heard: Heard) -> None:
    while (left_s := counted[1] - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(left_s):
                message = inference.decode(bytes(await socket.recv(decode=False)), inference.ToPilot)
        except (TimeoutError, ConnectionClosed):
            return
        now_s = time.monotonic()
        heard.answered += isinstance(message, Chunk)
        if counted[0] <= now_s < counted[1] and message.n in due:
            if isinstance(message, Chunk):
                heard.latencies_ms.append(1000 * (now_s - due[message.n]))
                heard.batches.append(message.batch)
            else:
                heard.troubles += 1


if __name__ == "__main__":
    sys.exit(main())
