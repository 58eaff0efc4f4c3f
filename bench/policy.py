"""What the starter recipe learns: `python bench/policy.py [--seeds 0,1,2] [--scenes 100] [--heads] [--curve] [--tasks all]`.

Demonstrations are made once and kept in `--data`.  For each seed a policy is trained from nothing by `policies.learning.train`
and driven in lock step through the gate in scenes that were used for nothing else.  `swap_new` and `swap_old`: another thing
of the same scene is named; it, or the one before, is what was done.  `no_instruction`: nothing is said.  `paraphrase`:
sentences of which none was ever trained on.  Rows `reasoning`: what it says against what is so, in demonstrations of test
scenes: its place within 5 cm, the middle of its box inside the true one, either; the subtask.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import numpy as np
import torch

from bench.common import Pressure, report
from bench.rollout import SIZE, Arena
from policies.learning.config import read_config
from policies.learning.policy import VlaPolicy, open_policy
from policies.learning.preprocess import Preprocess
from policies.learning.read import choices, read
from policies.learning.train import train
from policies.learning.windows import taken, windows_of
from robot.collect.collector import Collector
from robot.collect.script import open_script
from robot.collect.size import resized
from robot.world.experts.task import Assignment

TASKS = ("reach", "lift")
ALL_TASKS = ("reach", "lift", "push", "place")
TEST_SEED = 50_000  # and above: seen by nothing but this benchmark
SAYING_SEED = 56_000  # test scenes in which it is scored what the policy says
DEMONSTRATIONS = 220  # of each task
SHOWN = 25  # demonstrations of test scenes, of each task
NEAR_M = 0.05
RECIPE = Path(__file__).resolve().parent.parent / "policies" / "starter.toml"
# Written by somebody who had not read what training hears; what training could have said by itself is left out.
SAID = {
    "reach": (
        "Go to the {thing} but don't touch it.",
        "Please position the open hand right above the {thing}.",
        "Bring your gripper close to the {thing}, no grasping yet.",
        "above the {thing}, stop and wait there",
        "Can you reach toward the {thing} without grabbing it?",
        "Approach the {thing} from the top and stay there.",
        "Arm must go on top of the {thing}, not touching.",
        "I want the gripper hovering just over the {thing}.",
        "Align yourself over the {thing} and hold that position.",
        "Find the {thing} and park the gripper above it, please.",
    ),
    "lift": (
        "lift the {thing} off the table",
        "Could you please pick the {thing} up for me?",
        "Take the {thing} from the table and hold it up.",
        "Close the gripper on the {thing}, then bring it up.",
        "the {thing}, please take it and lift",
        "I need the {thing} raised in the air.",
        "Robot must grasp the {thing} and put it up high.",
        "Get hold of the {thing} and hoist it.",
        "Raise the {thing} a few centimetres from the table.",
        "Grip the {thing} firmly and elevate it, thanks.",
    ),
}


@dataclass(frozen=True)
class Recipe:
    """One training.  `steps` 0: as many as the starter's."""

    name: str = "starter"
    seed: int = 0
    head: str = "regression"
    demonstrations: int = DEMONSTRATIONS
    steps: int = 0
    tasks: tuple[str, ...] = TASKS

    def folder(self, data: Path) -> Path:
        return data / f"{self.name.replace('/', '-')}-{self.seed}"


def recipes(options: argparse.Namespace) -> list[Recipe]:
    wanted = [Recipe(seed=int(seed)) for seed in options.seeds.split(",") if seed]
    if options.heads:
        wanted += [Recipe(f"heads/{head}", head=head) for head in ("flow", "diffusion", "tokens")]
    if options.curve:
        wanted += [Recipe(f"curve/{n}", demonstrations=n) for n in (55, 110)]
        wanted += [Recipe(f"curve/{steps}-steps", steps=steps) for steps in (650, 1300)]
    if options.tasks == "all":
        wanted += [Recipe("all", steps=7500, tasks=ALL_TASKS)]
    return wanted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "reins-bench-policy")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--live", type=int, default=10, help="runs of each task through the whole demo, with the policy that it brings"
    )
    parser.add_argument("--heads", action="store_true", help="the other heads beside it, one seed each")
    parser.add_argument("--curve", action="store_true", help="fewer demonstrations, fewer steps")
    parser.add_argument("--tasks", choices=("two", "all"), default="two")
    options = parser.parse_args()
    pressure, wanted = Pressure(), recipes(options)
    tasks = ALL_TASKS if options.tasks == "all" else TASKS
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        shown = [(options.data / task, task, 0, DEMONSTRATIONS) for task in tasks]
        shown += [(options.data / f"held-{task}", task, SAYING_SEED, SHOWN) for task in TASKS]
        pool.map(demonstrate, shown, chunksize=1)
        minutes = dict(zip(wanted, pool.map(learn, [(options.data, one) for one in wanted], chunksize=1), strict=True))
        orders = [(options.data, one, task, options.scenes) for one in wanted for task in one.tasks]
        judged = pool.map(judge, orders, chunksize=1)
        said = pool.map(listen, [(options.data, wanted[0], task) for task in TASKS], chunksize=1)
    lived = _lived(options.live) if options.live else []
    report("policy", [*rows(judged, minutes), *pooled(judged, minutes), *said, *lived], pressure)
    return 0


def _lived(runs: int) -> list[dict[str, Any]]:
    from bench.live import live  # it takes figures from here

    return live(runs)


def demonstrate(order: tuple[Path, str, int, int]) -> None:
    """So many successes, from this scene on; kept for the next time."""
    home, task, seed, count = order
    if (home / "done").exists():
        return
    script = open_script("tabletop", task)
    about = {"body": "simulated", "world": "tabletop", "task": task}
    collector = Collector(script, resized(script.world.embodiment, *SIZE), home, "c" * 32, about, time.time_ns)
    made = 0
    while made < count:
        made += collector.collect(seed).outcome == "success"
        seed += 1
    collector.close()
    (home / "done").touch()


def gather(data: Path, one: Recipe) -> Path:
    """A folder of links to the recipe's demonstrations; several may make it at once."""
    together = data / f"episodes-{'-'.join(one.tasks)}-{one.demonstrations}"
    together.mkdir(parents=True, exist_ok=True)
    for task in one.tasks:
        for folder in sorted((data / task / "episodes").iterdir())[: one.demonstrations]:
            with contextlib.suppress(FileExistsError):
                (together / folder.name).symlink_to(folder)
    return together


def learn(order: tuple[Path, Recipe]) -> float:
    """CPU minutes of the training itself."""
    data, one = order
    together, config, out = gather(data, one), read_config(RECIPE.read_bytes()), one.folder(data)
    learning = msgspec.structs.replace(config.learn, seed=one.seed, steps=one.steps or config.learn.steps)
    model = msgspec.structs.replace(config.model, head=one.head)
    config = msgspec.structs.replace(config, episodes=str(together), out=str(out), learn=learning, model=model)
    if not out.exists():
        train(config, lambda line: _told(one, line))
    cpu_s: float = open_policy(out).card.training["cpu_s"]
    return cpu_s / 60


def _told(one: Recipe, line: dict[str, Any]) -> None:
    if line.get("step", 1) % 500 == 0:
        print(one.name, one.seed, line, file=sys.stderr, flush=True)


def judge(order: tuple[Path, Recipe, str, int]) -> dict[str, Any]:
    """Counts of successes by kind of question."""
    data, one, task, scenes = order
    torch.set_num_threads(1)
    policy = open_policy(one.folder(data), one.seed)
    arena = Arena(task)
    kinds = ("success", "swap_new", "swap_old", "no_instruction", "paraphrase") if task in SAID else ("success",)
    found: dict[str, list[bool]] = {name: [] for name in kinds}
    for scene in range(TEST_SEED, TEST_SEED + scenes):
        given = arena.begin(scene)
        if given is None:
            continue
        found["success"].append(arena.run(policy, given.instruction).success)
        if scene % 2 == 0 and task in SAID:
            _ask_otherwise(arena, policy, scene, given, task, found)
    arena.close()
    return {"recipe": one, "task": task, **found}


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


def listen(order: tuple[Path, Recipe, str]) -> dict[str, Any]:
    """What the policy says in every step of demonstrations of test scenes."""
    data, one, task = order
    torch.set_num_threads(1)
    policy = open_policy(one.folder(data))
    config, before = policy.model.config, Preprocess(policy.model.config, policy.scales)
    near, inside, subtask = [], [], []
    for choice in choices(data / f"held-{task}" / "episodes"):
        windows = windows_of([read(choice, config)], before, 0)
        given, labels = taken(windows, np.arange(len(windows)))
        with torch.inference_mode():
            said = policy.model.say(policy.model.encode(given))
        off = (said.position - labels.position).numpy() * policy.scales[0].place_std
        near += (np.linalg.norm(off, axis=1) < NEAR_M).tolist()
        away = (said.boxes[:, 0, :2] - labels.boxes[:, 0, :2]).abs()  # of the middles, in the scene camera
        inside += (away < labels.boxes[:, 0, 2:] / 2).all(1).tolist()
        subtask += (said.subtask.argmax(1) == labels.subtask).tolist()
    either = [a or b for a, b in zip(near, inside, strict=True)]
    figures = {"position_5cm": near, "box_hit": inside, "either": either, "subtask": subtask}
    return {
        "row": f"reasoning/{task}",
        "n": len(near),
        **{name: round(float(np.mean(hits)), 3) for name, hits in figures.items()},
    }


# -- the table ----------------------------------------------------------------------------------------------------------


def rows(judged: Sequence[dict[str, Any]], minutes: dict[Recipe, float]) -> list[dict[str, Any]]:
    return [row(f"{(r := one['recipe']).name}/{one['task']}/{r.seed}", [one], minutes[r]) for one in judged]


def pooled(judged: Sequence[dict[str, Any]], minutes: dict[Recipe, float]) -> list[dict[str, Any]]:
    """The starter over its seeds."""
    own = {recipe: took for recipe, took in minutes.items() if recipe.name == "starter"}
    mean = sum(own.values()) / max(1, len(own))
    groups = {task: [one for one in judged if one["task"] == task and one["recipe"] in own] for task in TASKS}
    return [row(f"starter/{task}/pooled", group, mean) for task, group in groups.items() if group]


def row(name: str, judged: Sequence[dict[str, Any]], minutes: float) -> dict[str, Any]:
    def share(kind: str) -> float:
        answers: list[bool] = [answer for one in judged for answer in one[kind]]
        return round(float(sum(answers)) / max(1, len(answers)), 3)

    answers: list[bool] = [answer for one in judged for answer in one["success"]]
    low, high = wilson(sum(answers), len(answers))
    kinds = [name for name in ("swap_new", "swap_old", "no_instruction", "paraphrase") if name in judged[0]]
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
