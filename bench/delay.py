"""What a delay between seeing and acting costs: `python bench/delay.py [--policy FOLDER ...] [--task reach] [--scenes 10]`.

Each policy is driven in lock step through the queue that the robot's pilot uses, its answers held back by 0 to 300 ms.
`rtc`: it is told what will be done meanwhile (flow heads alone).  `blend`: what it says is drawn to what was said before.
`plain`: a new chunk takes over as it is.  Without a policy these are the starter and one with a flow head that is trained
first, on a few demonstrations of the task and for a few minutes: only the differences between its rows count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from bench.common import ROOT, Pressure, percentile, report
from bench.policy import RECIPE, TEST_SEED, wilson
from bench.rollout import SIZE, Arena
from policies.learning.calibrate import EXECUTE
from policies.learning.config import read_config
from policies.learning.policy import VlaPolicy, open_policy
from policies.learning.train import train
from protocol.errors import Refused
from protocol.policy import check_decision
from robot.collect.collector import Collector
from robot.collect.script import open_script
from robot.collect.size import resized
from robot.kernel.gate import Gate
from robot.pilot.chunks import BLEND_STEPS, Chunk, ChunkQueue

DELAYS_MS = (0, 100, 200, 300)
MODES = ("rtc", "blend", "plain")
STARTER = ROOT / "policies" / "starter"


@dataclass
class Driven:
    """One attempt: `seams` as share of an axis' range; `jerk` in m/s^3, of what was done, tick by tick."""

    success: bool = False
    seconds: float = 0.0
    seams: list[float] = field(default_factory=list)
    jerk: list[float] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, action="append", default=[])
    parser.add_argument("--task", default="reach")
    parser.add_argument("--scenes", type=int, default=10)
    parser.add_argument("--demonstrations", type=int, default=80)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "reins-bench-delay")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    pressure = Pressure()
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        learnt = (
            None
            if options.policy
            else pool.apply_async(learn, (options.data, options.task, options.demonstrations, options.steps))
        )
        rows = []
        for folder in options.policy or (STARTER, None):
            at = folder or learnt.get()
            flows = open_policy(at).model.config.head == "flow"
            modes = MODES if flows else MODES[1:]
            orders = [(at, options.task, mode, delay_ms, options.scenes) for mode in modes for delay_ms in DELAYS_MS]
            for row in pool.imap(judge, orders):
                print(row, file=sys.stderr, flush=True)
                rows.append(row)
    report("delay", rows, pressure)
    return 0


def demonstrate(data: Path, task: str, wanted: int) -> None:
    home = data / f"{task}-{wanted}"
    if (home / "done").exists():
        return
    script = open_script("tabletop", task)
    about = {"body": "simulated", "world": "tabletop", "task": task}
    collector = Collector(script, resized(script.world.embodiment, *SIZE), home, "c" * 32, about, time.time_ns)
    made = seed = 0
    while made < wanted:
        made += collector.collect(seed).outcome == "success"
        seed += 1
    collector.close()
    (home / "done").touch()


def learn(data: Path, task: str, demonstrations: int, steps: int) -> Path:
    """A folder with a flow head's policy."""
    torch.set_num_threads(1)
    out = data / f"{task}-flow-{steps}"
    if not out.exists():
        demonstrate(data, task, demonstrations)
        recipe = read_config(RECIPE.read_bytes())
        episodes = str(data / f"{task}-{demonstrations}" / "episodes")
        model = msgspec.structs.replace(recipe.model, head="flow")
        learning = msgspec.structs.replace(recipe.learn, steps=steps)
        train(msgspec.structs.replace(recipe, episodes=episodes, out=str(out), model=model, learn=learning), lambda _: None)
    return out


def judge(order: tuple[Path, str, str, int, int]) -> dict[str, Any]:
    folder, task, mode, delay_ms, scenes = order
    torch.set_num_threads(1)
    policy, arena = open_policy(folder, 0), Arena(task)
    driven = []
    for scene in range(TEST_SEED, TEST_SEED + scenes):
        given = arena.begin(scene)
        if given is not None:
            driven.append(drive(arena, policy, given.instruction, delay_ms / 1e3, mode))
    arena.close()
    hits = sum(one.success for one in driven)
    low, high = wilson(hits, len(driven))
    seams = [seam for one in driven for seam in one.seams]
    jerk = np.array([value for one in driven for value in one.jerk])
    return {
        "row": f"{folder.name}/{task}/{mode}/{delay_ms}",
        "n": len(driven),
        "success": round(hits / max(1, len(driven)), 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "seconds": round(float(np.mean([one.seconds for one in driven])), 2),
        "seam_pct": round(100 * float(np.mean(seams)), 2) if seams else None,
        "seam_p95_pct": round(100 * percentile(seams, 0.95), 2) if seams else None,
        "jerk_m_s3": round(float(np.sqrt((jerk**2).mean())), 2),
    }


def drive(arena: Arena, policy: VlaPolicy, instruction: str, delay_s: float, mode: str, execute: int = EXECUTE) -> Driven:
    """As `Arena.run`, but the world goes on while the policy thinks for `delay_s`."""
    assert arena.given is not None
    world, body, out = arena.script.world, arena.embodiment, Driven()
    gate = Gate(body, 1 / body.control_hz)
    gate.adopt(world.sense().state.tolist())
    queue = ChunkQueue(body.action, execute, BLEND_STEPS if mode == "blend" else 0)
    coming: tuple[float, Chunk] | None = None
    done_s, tick, number, speeds = 0.0, 0, 0, [np.zeros(3)]
    control_ticks = round(1 / (body.control_hz * world.tick_s))
    while out.seconds < arena.script.limit_s and done_s < arena.script.settle_s:
        now_s = tick * world.tick_s
        if tick % control_ticks == 0:
            if coming is not None and now_s >= coming[0] - 1e-9:
                _take_in(queue, coming[1], now_s, out)
                coming = None
            if coming is None and queue.due(now_s):
                number += 1
                coming = now_s + delay_s, _ask(arena, policy, instruction, queue, number, now_s, mode)
                if not delay_s:
                    _take_in(queue, coming[1], now_s, out)
                    coming = None
            action = queue.at(now_s)
            asked, _ = gate.step(None if action is None else action.tolist(), world.sense().tool_m, 0.0)
            world.drive(asked)
            speeds.append(asked[:3].astype(np.float64))
        world.advance()
        tick += 1
        out.seconds = tick * world.tick_s
        done_s = done_s + world.tick_s if arena.done() else 0.0
    out.success = done_s >= arena.script.settle_s
    out.jerk = _jerk(np.array(speeds), 1 / body.control_hz)
    return out


def _ask(arena: Arena, policy: VlaPolicy, instruction: str, queue: ChunkQueue, number: int, now_s: float, mode: str) -> Chunk:
    observation = arena.observe(instruction, round(now_s * 1e9))
    if mode == "rtc":
        prefix, certain = queue.prefix(now_s)
        observation = replace(observation, prefix=prefix, delay_steps=certain)
    decision = check_decision(policy.act([observation])[0], arena.embodiment)
    return Chunk(number, decision.actions.astype(np.float32), now_s, decision.dt_s)


def _take_in(queue: ChunkQueue, chunk: Chunk, now_s: float, out: Driven) -> None:
    try:
        seam = queue.add(chunk, now_s)
    except Refused:  # too late for any of its actions
        return
    if seam is not None:
        out.seams.append(seam)


def _jerk(speeds: NDArray[np.float64], dt_s: float) -> list[float]:
    """Lengths of the second difference of speeds [N, 3] m/s."""
    return [float(value) for value in np.linalg.norm(np.diff(speeds, 2, axis=0), axis=1) / dt_s**2]


if __name__ == "__main__":
    sys.exit(main())
