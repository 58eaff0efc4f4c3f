"""The real world process, its real driver, and a stand-in for the kernel that is killed or stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from protocol.errors import Refused
from robot.bodies.body import Body, BodySpec
from robot.world import wire
from robot.world.door import ask_world
from robot.world.embodiments import TABLETOP
from tests.robot.world.conftest import until

Start = Callable[..., tuple[BodySpec, Body]]
STATE = [quantity.name for quantity in TABLETOP.state]

KERNEL = """
import sys, time
from pathlib import Path
import numpy as np
from robot.bodies.registry import body_spec
body = body_spec("simulated", {}, Path(sys.argv[1])).open_body()
assert "mujoco" not in sys.modules and "metaworld" not in sys.modules, "physics in the kernel"
turn = 0
while True:
    turn += 1
    body.act(np.array([0, 0.1 if turn // 50 % 2 else -0.1, 0, 0, 0, 0, 0], dtype=np.float32))
    time.sleep(0.02)
"""


def fastest_joint(body: Body) -> float:
    """rad/s."""
    state = body.observe()
    assert state is not None
    return float(np.abs(state.state[7:14]).max())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_killed_or_stopped_kernel_means_standstill(simulated: Start, tmp_path: Path, how: signal.Signals) -> None:
    _, body = simulated(scene="empty")
    kernel = subprocess.Popen([sys.executable, "-c", KERNEL, str(tmp_path)])
    try:
        until(lambda: fastest_joint(body) > 0.05, 20)
        os.kill(kernel.pid, how)
        until(lambda: fastest_joint(body) < 0.01, 2)
        still = body.observe()
        assert still is not None
        until(lambda: (newest := body.observe()) is not None and newest.mono_s > still.mono_s + 0.5, 10)
        later = body.observe()
        assert later is not None and np.abs(later.state[:7] - still.state[:7]).max() < 0.01
        if how == signal.SIGSTOP:
            os.kill(kernel.pid, signal.SIGCONT)
            until(lambda: fastest_joint(body) > 0.05, 5)
    finally:
        kernel.kill()
        kernel.wait()


def test_velocities_through_the_driver_move_the_tool_and_close_the_gripper(simulated: Start) -> None:
    _, body = simulated(scene="empty")
    first = body.observe()
    assert first is not None and first.tool_m is not None and first.torque is not None
    start_y = first.tool_m[1]

    def drive(action: list[float], done: Callable[[], bool]) -> None:
        def step() -> bool:
            body.act(np.array(action, dtype=np.float32))
            return done()

        until(step, 10)

    def tool_y() -> float:
        state = body.observe()
        assert state is not None and state.tool_m is not None
        return state.tool_m[1]

    def closed() -> float:
        state = body.observe()
        assert state is not None
        return float(state.state[STATE.index("gripper")])

    drive([0, 0.2, 0, 0, 0, 0, 0], lambda: tool_y() > start_y + 0.05)
    drive([0, 0, 0, 0, 0, 0, 0.6], lambda: abs(closed() - 0.6) < 0.03)
    body.stop()
    until(lambda: fastest_joint(body) < 0.01, 2)


def test_the_door_resets_and_refuses(simulated: Start, tmp_path: Path) -> None:
    simulated(scene="cubes")
    assert ask_world(tmp_path, wire.Reset(3)).resets == 2
    for request, code in ((wire.Reset(3, "circus"), "scene_unknown"), (wire.Step(1), "not_lockstep")):
        with pytest.raises(Refused) as refused:
            ask_world(tmp_path, request)
        assert refused.value.code == code
    assert ask_world(tmp_path, wire.Reset(4, "bowl")).resets == 3


def test_nobody_at_the_door_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        ask_world(tmp_path, wire.Reset(1))
    assert refused.value.code == "world_away"


def test_in_lock_step_time_passes_only_when_asked_and_the_same_bits_come_out(simulated: Start, tmp_path: Path) -> None:
    _, body = simulated(scene="mixed", lockstep=True)
    ends = []
    for _ in range(2):
        ask_world(tmp_path, wire.Reset(11))
        ask_world(tmp_path, wire.Step(50, [0.1, 0.1, -0.1, 0.0, 0.0, 0.3, 1.0]))
        state = body.observe()
        assert state is not None
        ends.append(state.state.tobytes())
    assert ends[0] == ends[1]
    body.act(np.array([0.3, 0, 0, 0, 0, 0, 0], dtype=np.float32))
    with pytest.raises(Refused) as refused:
        ask_world(tmp_path, wire.Step(1, [0.0]))
    assert refused.value.code == "action_shape"
    now = body.observe()
    assert now is not None and now.state.tobytes() == ends[1]


def test_an_unknown_scene_ends_the_world_with_a_sentence(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "robot.world.process", str(tmp_path), "--scene", "circus"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "Choose one of" in ended.stderr and "Traceback" not in ended.stderr


def test_a_body_without_its_world_has_no_state_and_does_not_fail(tmp_path: Path) -> None:
    from robot.bodies.registry import body_spec

    body = body_spec("simulated", {}, tmp_path).open_body()
    assert body.observe() is None
    body.act(np.zeros(7, dtype=np.float32))
    body.stop()
    body.close()
