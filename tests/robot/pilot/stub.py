"""The whole robot program with a simulated arm, and a server whose policies are scripted experts.  Not a test."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.server import ServerConnection

from protocol import inference, robot_link, wire
from protocol.errors import Refused
from protocol.permit import Permit, Renewal, Signed, seal
from protocol.runs import PILOT_PEER, Goal, RunEnd, RunNoted, RunOrder, RunReport, RunResume
from robot import masks, state
from robot.config import RobotConfig, write_config
from robot.identity import Identity
from robot.kernel.door import Status
from robot.launcher import status_of
from robot.mailbox import Mailbox
from robot.world.embodiments import TABLETOP
from robot.world.experts.registry import table_task
from robot.world.experts.task import Assignment, Truth
from robot.world.wire import SCENE, SceneState
from tests.robot.link.small_server import SmallServer, until, welcome
from tests.robot.masked import signed

ROOT = Path(__file__).resolve().parents[3]
ROBOT = "cd" * 16
POLICY = "ef" * 16
PICTURES = {"scene": (96, 72), "wrist": (96, 72)}
HORIZON, DT_S = 8, 0.1
STALLS = 3  # holds that a machine may cost a test; more are the robot's own fault
COSTS = ("deadman", "body_lost", "video_stale")  # what a hold of a machine that stood still looks like to the kernel
POLL_S, RAN_S = 0.005, 0.1  # of a longer time between two looks the rest is not counted: the machine stood still

Answering = Callable[[inference.Observed], Awaitable[inference.Chunk | inference.Trouble | None]]


class Server(SmallServer):
    """Both sockets of a robot; `answering` says what becomes of an observation."""

    def __init__(self, public_key: str, key: Ed25519PrivateKey) -> None:
        super().__init__(public_key)
        self._key_to_sign = key
        self.answering: Answering | None = None
        self.observed: list[inference.Observed] = []
        self.asking: ServerConnection | None = None
        self.acknowledges = True
        self._counter = 0
        self._busy: set[asyncio.Task[None]] = set()

    def sign(self, message: Permit | Renewal) -> Signed:
        raw = msgspec.json.encode(message)
        return seal(raw, self._key_to_sign.sign(raw))

    async def _connected(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        if connection.request.path == "/ws/robot/infer/":
            await self._policies(connection)
        else:
            self.connection = connection
            with contextlib.suppress(Exception):
                await self.log_in(connection)
                await connection.send(wire.encode(welcome()))
                await self._reports(connection)

    async def _reports(self, connection: ServerConnection) -> None:
        async for raw in connection:
            if isinstance(raw, bytes):
                continue
            message = wire.decode(raw, robot_link.FromRobot)
            self.heard.append(message)
            if isinstance(message, robot_link.Log):
                await connection.send(wire.encode(robot_link.LogAck(through=message.entries[-1].n)))
            elif isinstance(message, RunReport) and message.phase == "ended":
                await connection.send(wire.encode(RunNoted(run=message.run, fence=message.fence)))
            elif isinstance(message, robot_link.Report) and (lease := message.state.lease) is not None:
                self._counter += 1
                renewal = Renewal(robot=ROBOT, epoch=lease.epoch, seq=lease.seq, counter=self._counter)
                await connection.send(wire.encode(robot_link.Renew(renewal=self.sign(renewal))))

    async def _policies(self, connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            await self.log_in(connection)
            await connection.send(wire.encode(welcome()))
            self.asking = connection
            async for raw in connection:
                observed = inference.decode(raw, inference.FromPilot)
                self.observed.append(observed)
                task = asyncio.create_task(self._answer(connection, observed))
                self._busy.add(task)
                task.add_done_callback(self._busy.discard)

    async def _answer(self, connection: ServerConnection, observed: inference.Observed) -> None:
        with contextlib.suppress(Exception):
            answer = None if self.answering is None else await self.answering(observed)
            if answer is not None:
                await connection.send(inference.encode(answer))


class Robot:
    """A launcher in a process of its own and its server."""

    def __init__(self, folder: Path, scene: str = "cubes", seed: int = 3) -> None:
        self.folder, self.identity = folder, Identity.create(folder)
        self.identity.adopt(folder)
        state.begin_epochs(folder)
        self.key = Ed25519PrivateKey.generate()
        self.server = Server(self.identity.public_key, self.key)
        self.body = {"kind": "simulated", "scene": scene, "seed": seed}
        self.process: subprocess.Popen[bytes] | None = None
        self.fence = 0
        self.stalls = 0
        self._let: dict[str, dict[str, Any]] = {}  # how each run was last let go on
        self._answered: set[tuple[str, int]] = set()  # (run, n) of such holds that were answered

    def start(self) -> None:
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        masks.keep(self.folder, signed(ROBOT, 0, self.key), public, ROBOT)
        config = RobotConfig(server=self.server.url, robot=ROBOT, name="pilot", server_key=public, body=self.body)
        write_config(self.folder, config)
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "robot", "run", "--dir", str(self.folder)), cwd=ROOT, stdout=output, stderr=output
            )

    @property
    def run_dir(self) -> Path:
        run = state.read_run(self.folder)
        assert run is not None
        return Path(run.run_dir)

    def status(self) -> Status | None:
        with contextlib.suppress(Refused):
            status, age_s = status_of(self.folder)
            if age_s < 0.5:
                return status
        return None

    def pid(self, name: str) -> int:
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode().split("\0") if entry.name.isdigit() else []
                if str(self.run_dir) in words and f"robot.{name}.process" in words:
                    return int(entry.name)
        raise AssertionError(f"no process {name}")

    # -- as the server ------------------------------------------------------------------------------------------------

    async def now(self) -> Status:
        """Its status, once it is a fresh one."""
        found: list[Status] = []
        await until(lambda: found.extend(filter(None, (self.status(),))) or found)
        return found[-1]

    async def permit(self) -> Signed:
        nonce = (await self.now()).nonce
        return self.server.sign(
            Permit(robot=ROBOT, act="policy", person="", name="starter 1", fingerprint=PILOT_PEER, nonce=nonce)
        )

    async def order(self, **changes: Any) -> RunOrder:
        self.fence += 1
        order = RunOrder(
            run=f"{self.fence:032x}", fence=self.fence, instruction="Reach the red cube", policy=POLICY, policy_name="starter 1",
            permit=await self.permit(), pictures=PICTURES, goal=Goal("reach", "red cube"),
        )  # fmt: skip
        order = msgspec.structs.replace(order, **changes)
        await self.server.say(order)
        return order

    async def resume(self, order: RunOrder, **changes: Any) -> None:
        self._let[order.run] = changes
        await self.server.say(RunResume(run=order.run, fence=order.fence, permit=await self.permit(), **changes))

    async def end(self, order: RunOrder, result: Any = "failure") -> None:
        await self.server.say(RunEnd(run=order.run, fence=order.fence, result=result))

    def reports(self, order: RunOrder) -> list[RunReport]:
        return [report for report in self.server.of(RunReport) if report.run == order.run]

    async def until(self, order: RunOrder, phase: str, reason: str | None = None, within_s: float = 30.0) -> RunReport:
        """The newest report, once it says so.  A hold that a stalling machine costs is answered as a person would."""
        looked_s, patience_s = time.monotonic(), within_s
        while True:
            report = next(iter(self.reports(order)[-1:]), None)
            if report is not None and report.phase == phase and reason in (None, report.reason):
                return report
            if report is not None and report.phase == "holding" and report.reason in COSTS:
                patience_s = within_s if await self._go_on(order, report) else patience_s
            await asyncio.sleep(POLL_S)
            now_s = time.monotonic()
            patience_s -= min(now_s - looked_s, RAN_S)
            looked_s = now_s
            if patience_s < 0:
                told = [(r.phase, r.reason, r.sentence) for r in self.reports(order)]
                raise AssertionError(f"not {phase}/{reason}: {told[-4:]}, {self.stalls} stalls")

    async def _go_on(self, order: RunOrder, hold: RunReport) -> bool:
        """Once for each hold, and no more often than a machine may stall; whether it was answered now."""
        if (order.run, hold.n) in self._answered:
            return False
        self._answered.add((order.run, hold.n))
        self.stalls += 1
        assert self.stalls <= STALLS, f"held {self.stalls} times as if the machine stalled: {hold.reason}"
        await self.resume(order, **self._let.get(order.run, {}))
        return True

    # -- scripted policies --------------------------------------------------------------------------------------------

    def scene(self) -> SceneState:
        newest = Mailbox.open(self.run_dir / SCENE).get()
        assert newest is not None
        return msgspec.msgpack.decode(newest[0], type=SceneState)

    async def expert(self, observed: inference.Observed, task: str = "reach", target: str = "red cube") -> inference.Chunk:
        """What the scripted expert would do now, eight times over."""
        things = {thing.name: np.array(thing.position) for thing in self.scene().objects}
        sensed = dict(
            zip((q.name for q in TABLETOP.state), inference.floats(observed.state, len(TABLETOP.state))[0].tolist(), strict=True)
        )
        tool = np.array([sensed["tool_x"], sensed["tool_y"], sensed["tool_z"]])
        truth = Truth(tool, sensed["gripper"], sensed["grip_force"], things, dict.fromkeys(things, 1.0))
        at = things[target]
        action = table_task(task).act(truth, Assignment("", target, tuple(at), (at[0], at[1], at[2] + 0.14)))
        return chunk(observed, np.tile(action, (HORIZON, 1)))


def chunk(observed: inference.Observed, actions: Any, **changes: Any) -> inference.Chunk:
    actions = np.asarray(actions, "<f4")
    return inference.Chunk(
        n=observed.n, captured_ns=observed.captured_ns, actions=actions.tobytes(), axes=actions.shape[-1], dt_s=DT_S, **changes
    )


@contextlib.asynccontextmanager
async def running(folder: Path, **world: Any) -> AsyncIterator[Robot]:
    robot = Robot(folder, **world)
    async with robot.server.running():
        robot.start()
        assert robot.process is not None
        try:
            await until(lambda: (now := robot.status()) is not None and now.state and robot.server.of(robot_link.Report))
            yield robot
        finally:
            robot.process.kill()
            robot.process.wait()
            if (run := state.read_run(folder)) is not None:
                shutil.rmtree(run.run_dir, ignore_errors=True)
