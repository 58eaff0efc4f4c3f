"""One model, two arms with other senses, cameras and axes: `python bench/bodies.py [--scenes 40]`.

The tabletop arm (7 axes, two cameras) reaches; Meta-World's arm (4 axes, one camera) does two of that package's tasks.  They
are learnt together, and each arm is then driven in scenes that were used for nothing else.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import torch

from bench.common import Pressure, report
from bench.policy import RECIPE, TEST_SEED, wilson
from bench.rollout import SIZE, Arena
from policies.learning.config import read_config
from policies.learning.policy import VlaPolicy, open_policy
from policies.learning.train import train
from robot.collect.collector import Collector
from robot.collect.script import open_script
from robot.collect.size import resized

WORLDS = (("tabletop", "reach", 120), ("metaworld", "button-press-topdown-v3", 60), ("metaworld", "drawer-close-v3", 60))
STEPS = 1800


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "reins-bench-bodies")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pressure, home = Pressure(), options.data
    for world, task, count in WORLDS:
        demonstrate(home, world, task, count)
    policy = learn(home)
    rows = [driven(policy, world, task, options.scenes) for world, task, _ in WORLDS]
    report("bodies", rows, pressure)
    return 0


def demonstrate(home: Path, world: str, task: str, count: int) -> None:
    done = home / f"{world}-{task}.done"
    if done.exists():
        return
    script = open_script(world, task)
    about = {"body": "simulated", "world": world, "task": task}
    collector = Collector(script, resized(script.world.embodiment, *SIZE), home, "c" * 32, about, time.time_ns)
    made = seed = 0
    while made < count:
        made += collector.collect(seed).outcome == "success"
        seed += 1
    collector.close()
    done.touch()


def learn(home: Path) -> VlaPolicy:
    out, recipe = home / "policy", read_config(RECIPE.read_bytes())
    config = msgspec.structs.replace(
        recipe, episodes=str(home / "episodes"), out=str(out), learn=msgspec.structs.replace(recipe.learn, steps=STEPS)
    )
    if not out.exists():
        train(config, lambda _: None)
    return open_policy(out)


def driven(policy: VlaPolicy, world: str, task: str, scenes: int) -> dict[str, object]:
    arena = Arena(task, world=world)
    hits = []
    for scene in range(TEST_SEED, TEST_SEED + scenes):
        given = arena.begin(scene)
        if given is not None:
            hits.append(arena.run(policy, given.instruction).success)
    arena.close()
    low, high = wilson(sum(hits), len(hits))
    body = arena.embodiment
    return {
        "row": f"bodies/{world}/{task}",
        "axes": len(body.action),
        "cameras": len(body.cameras),
        "n": len(hits),
        "success": round(sum(hits) / max(1, len(hits)), 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "train_cpu_min": round(policy.card.training["cpu_s"] / 60, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
