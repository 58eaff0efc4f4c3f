"""What the starter recipe learns: `python bench/policy.py [--seeds 0,1,2] [--scenes 100]`.

Demonstrations are made once and kept in `--data`.  For each seed a policy is trained from nothing by `policies.learning.train`
and driven in lock step through the gate in scenes that were used for nothing else.  `swap_new` and `swap_old`: another thing
of the same scene is named; it, or the one before, is what was done.  `no_instruction`: nothing is said.  `paraphrase`:
sentences of which none was ever trained on.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import torch

from bench.common import Pressure, report
from bench.rollout import SIZE, Arena
from policies.learning.config import Config, read_config
from policies.learning.policy import VlaPolicy, open_policy
from policies.learning.train import train
from robot.collect.collector import Collector
from robot.collect.script import open_script
from robot.collect.size import resized
from robot.world.experts.task import Assignment

TASKS = ("reach", "lift")
TEST_SEED = 50_000  # and above: seen by nothing but this benchmark
DEMONSTRATIONS = 220  # of each task
RECIPE = Path(__file__).resolve().parent.parent / "policies" / "starter.toml"
SAID = {
    "reach": ("bring the hand above the {thing}", "over to the {thing}, and stay there", "the {thing}: hover on top of it"),
    "lift": ("get the {thing} off the table", "the {thing} goes up, lift please", "grab hold of the {thing} and take it up"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "reins-bench-policy")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    pressure = Pressure()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        pool.map(demonstrate, [(options.data, task) for task in TASKS])
        minutes = dict(pool.map(learn, [(options.data, seed) for seed in seeds], chunksize=1))
        orders = [(options.data, seed, task, options.scenes) for seed in seeds for task in TASKS]
        judged = pool.map(judge, orders, chunksize=1)
    report("policy", [*rows(judged, minutes), *pooled(judged, minutes)], pressure)
    return 0


def demonstrate(order: tuple[Path, str]) -> None:
    data, task = order
    home = data / task
    if (home / "done").exists():
        return
    script = open_script("tabletop", task)
    about = {"body": "simulated", "world": "tabletop", "task": task}
    collector = Collector(script, resized(script.world.embodiment, *SIZE), home, "c" * 32, about, time.time_ns)
    made, seed = 0, 0
    while made < DEMONSTRATIONS:
        made += collector.collect(seed).outcome == "success"
        seed += 1
    collector.close()
    (home / "done").touch()


def learn(order: tuple[Path, int]) -> tuple[int, float]:
    """CPU minutes of the training itself."""
    data, seed = order
    together = data / "episodes"
    together.mkdir(parents=True, exist_ok=True)
    for folder in data.glob("*/episodes/*"):
        link = together / folder.name
        if not link.exists():
            link.symlink_to(folder)
    out = data / f"starter-{seed}"
    recipe = read_config(RECIPE.read_bytes())
    config: Config = msgspec.structs.replace(
        recipe, episodes=str(together), out=str(out), learn=msgspec.structs.replace(recipe.learn, seed=seed)
    )
    if not out.exists():
        train(config, lambda line: print(seed, line, file=sys.stderr, flush=True) if line.get("step", 1) % 500 == 0 else None)
    cpu_s: float = open_policy(out).card.training["cpu_s"]
    return seed, cpu_s / 60


def judge(order: tuple[Path, int, str, int]) -> dict[str, Any]:
    """Counts of successes by kind of question."""
    data, seed, task, scenes = order
    torch.set_num_threads(1)
    policy = open_policy(data / f"starter-{seed}", seed)
    arena = Arena(task)
    found: dict[str, list[bool]] = {name: [] for name in ("success", "swap_new", "swap_old", "no_instruction", "paraphrase")}
    for scene in range(TEST_SEED, TEST_SEED + scenes):
        given = arena.begin(scene)
        if given is None:
            continue
        found["success"].append(arena.run(policy, given.instruction).success)
        if scene % 2 == 0:
            _ask_otherwise(arena, policy, scene, given, task, found)
    arena.close()
    return {"seed": seed, "task": task, **found}


def _ask_otherwise(
    arena: Arena, policy: VlaPolicy, scene: int, given: Assignment, task: str, found: dict[str, list[bool]]
) -> None:
    other = next(one for draw in range(2, 100) if (one := arena.begin(scene, draw)) is not None and one.target != given.target)
    said = SAID[task][scene // 2 % len(SAID[task])].format(thing=given.target)
    for name, judged_by, sentence in (
        ("swap_new", other, other.instruction),
        ("swap_old", given, other.instruction),
        ("no_instruction", given, "the"),
        ("paraphrase", given, said),
    ):
        arena.begin(scene)
        arena.ask(judged_by)
        found[name].append(arena.run(policy, sentence).success)


# -- the table ----------------------------------------------------------------------------------------------------------


def rows(judged: Sequence[dict[str, Any]], minutes: dict[int, float]) -> list[dict[str, Any]]:
    return [row(f"starter/{one['task']}/{one['seed']}", [one], minutes[one["seed"]]) for one in judged]


def pooled(judged: Sequence[dict[str, Any]], minutes: dict[int, float]) -> list[dict[str, Any]]:
    mean = sum(minutes.values()) / len(minutes)
    return [row(f"starter/{task}/pooled", [one for one in judged if one["task"] == task], mean) for task in TASKS]


def row(name: str, judged: Sequence[dict[str, Any]], minutes: float) -> dict[str, Any]:
    def share(kind: str) -> float:
        answers = [answer for one in judged for answer in one[kind]]
        return round(sum(answers) / max(1, len(answers)), 3)

    answers = [answer for one in judged for answer in one["success"]]
    low, high = wilson(sum(answers), len(answers))
    kinds = ("swap_new", "swap_old", "no_instruction", "paraphrase")
    return {
        "row": name,
        "n": len(answers),
        "success": share("success"),
        "low": round(low, 3),
        "high": round(high, 3),
        **{kind: share(kind) for kind in kinds},
        "train_cpu_min": round(minutes, 2),
    }


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    if not count:
        return 0.0, 1.0
    share = hits / count
    middle = share + z * z / (2 * count)
    off = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    return (middle - off) / whole, (middle + off) / whole


if __name__ == "__main__":
    sys.exit(main())
