"""Does the policy know what it does not know?  `python bench/doubt.py [--policy FOLDER] [--flow FOLDER]`.

Frames of ordinary test scenes against frames of scenes with something it was never trained on: how well its doubt tells them
apart (AUROC), beside the variance of a flow policy's samples, which is what many use.  And how many fresh successes its
calibrated threshold would have stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from numpy.typing import NDArray

from bench.common import Pressure, report
from bench.rollout import Arena
from policies.learning.calibrate import ALPHA
from policies.learning.doubt import Band, Familiar, calibrate
from policies.learning.policy import VlaPolicy, open_policy
from protocol.policy import Decision, Observation
from robot.world.experts.task import Assignment
from robot.world.variation import Variation

CALIBRATION_SEED, FRAME_SEED, FRESH_SEED = 30_000, 51_000, 52_000
TASKS = ("reach", "lift")
FRAMES = 4  # of the beginning of each run: later ones depend on what the policy did
SAMPLES = 8  # of the flow policy
_NEW = ((0.55, 0.15, 0.65), (0.95, 0.95, 0.95), (0.10, 0.75, 0.80), (0.95, 0.45, 0.10))  # purple, white, turquoise, orange
_TABLE = ((0.30, 0.12, 0.12), (0.75, 0.80, 0.70), (0.15, 0.30, 0.20))
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """Something out of the ordinary: another scene, another look of it, or another sentence."""

    name: str
    scene: str = ""
    look: Callable[[int, Assignment], Variation | None] = lambda _, __: None
    said: Callable[[Arena, Assignment], str] = lambda _, given: given.instruction


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, default=Path("policies/starter"))
    parser.add_argument("--flow", type=Path, default=None)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--runs", type=int, default=150, help="successful runs of each task, to calibrate and to judge")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pressure = Pressure()
    policy = open_policy(options.policy, 0)
    flow = open_policy(options.flow, 0) if options.flow else None
    familiar, limit = calibrate(successes(policy, CALIBRATION_SEED, options.runs), ALPHA)
    rows = [told_apart(policy, flow, familiar, options.scenes, kind) for kind in KINDS]
    report("doubt", [*rows, false_alarms(policy, familiar, limit, options.runs)], pressure)
    return 0


def successes(policy: VlaPolicy, first: int, runs: int) -> list[NDArray[np.float32]]:
    """The features [T, F] of so many successful runs of each task, taking turns."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    for task in TASKS:
        arena, own, scene = Arena(task), found.setdefault(task, []), first
        while len(own) < runs and scene < first + 3 * runs:
            given = arena.begin(scene)
            scene += 1
            if given is not None and (run := arena.run(policy, given.instruction)).success:
                own.append(np.stack([decision.features for _, decision in run.decisions]))
        arena.close()
    return [run for pair in zip(*found.values(), strict=False) for run in pair]


def told_apart(policy: VlaPolicy, flow: VlaPolicy | None, familiar: Familiar, scenes: int, kind: Kind) -> dict[str, Any]:
    ordinary, strange = frames(policy, scenes, FRAME_SEED, ORDINARY), frames(policy, scenes, FRAME_SEED + scenes, kind)
    row = {
        "row": f"doubt/{kind.name}",
        "frames": len(strange),
        "auroc": round(auroc(*(doubts(familiar, one) for one in (ordinary, strange))), 3),
    }
    if flow is not None:
        row["flow_variance"] = round(auroc(*(variances(flow, one) for one in (ordinary, strange))), 3)
    return row


def frames(policy: VlaPolicy, scenes: int, first: int, kind: Kind) -> list[tuple[Observation, Decision]]:
    found: list[tuple[Observation, Decision]] = []
    for task in TASKS:
        arena = Arena(task)
        arena.script.scene = kind.scene or arena.script.scene
        for scene in range(first, first + scenes):
            given = arena.begin(scene)
            if given is not None:
                arena.vary(kind.look(scene, given))
                seen = arena.run(policy, kind.said(arena, given), watch=_after(FRAMES)).decisions
                found += seen
        arena.close()
    return found


def _after(count: int) -> Callable[[Observation, Decision], bool]:
    left = [count]

    def watch(_: Observation, __: Decision) -> bool:
        left[0] -= 1
        return left[0] <= 0

    return watch


def doubts(familiar: Familiar, seen: list[tuple[Observation, Decision]]) -> Scores:
    return familiar.distance(np.stack([decision.features for _, decision in seen]))


def variances(flow: VlaPolicy, seen: list[tuple[Observation, Decision]]) -> Scores:
    """Of several samples for the same observation, each axis in its own spread."""
    spread = flow.scales[0].action_std
    drawn = [np.stack([one.actions / spread for one in flow.act([observation] * SAMPLES)]) for observation, _ in seen]
    return np.array([sample.var(0).mean() for sample in drawn])


def auroc(ordinary: Scores, strange: Scores) -> float:
    """The chance that a strange frame scores higher than an ordinary one (Mann and Whitney, 1947)."""
    ranks = np.concatenate([ordinary, strange]).argsort().argsort() + 1.0
    n, m = len(ordinary), len(strange)
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))


def false_alarms(policy: VlaPolicy, familiar: Familiar, limit: Band, runs: int, first: int = FRESH_SEED) -> dict[str, Any]:
    """How many of so many fresh successes of each task would have been stopped."""
    fresh = successes(policy, first, runs)
    stopped = [limit.first_alarm(familiar.distance(run)) is not None for run in fresh]
    return {"row": "doubt/false_alarms", "alpha": ALPHA, "runs": len(fresh), "share": round(float(np.mean(stopped)), 3)}


# -- what is out of the ordinary ----------------------------------------------------------------------------------------


def _looks(things: dict[str, Any], surfaces: dict[str, Any]) -> Variation:
    even = (1.0, 1.0, 1.0)
    return Variation(things, surfaces, lamp=even, lamp_shift_m=(0.0, 0.0, 0.0), ambient=1.0, cameras={}, friction=1.0)


def _absent(arena: Arena, given: Assignment) -> str:
    there = set(arena.table.truth().things)
    missing = next(name for name in ("red cube", "blue cube", "yellow cube", "green cylinder") if name not in there)
    return given.instruction.replace(given.target, missing)


ORDINARY = Kind("ordinary")
KINDS = (
    Kind("novel_colour", look=lambda scene, given: _looks({given.target: _NEW[scene % len(_NEW)]}, {})),
    Kind("background", look=lambda scene, _: _looks({}, {"mat": _TABLE[scene % 3], "table": _TABLE[(scene + 1) % 3]})),
    Kind("absent_object", said=_absent),
    Kind("extra_objects", scene="mixed"),
)

if __name__ == "__main__":
    sys.exit(main())
