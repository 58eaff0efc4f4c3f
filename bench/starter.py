"""Makes the starter policy from nothing: `python bench/starter.py [--out policies/starter]`, at most 20 CPU minutes.

Scripted demonstrations, training, calibration of its doubt over its own successes, and how well it does in scenes used for
neither.  A folder that is there already is replaced at the end.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import torch

from bench.doubt import CALIBRATION_SEED, false_alarms, successes
from bench.policy import DEMONSTRATIONS, TASKS, Recipe, demonstrate, learn, wilson
from bench.rollout import Arena
from policies.learning.calibrate import ALPHA
from policies.learning.doubt import calibrate, keep
from policies.learning.folder import CALIBRATION, CARD, Card
from policies.learning.policy import VlaPolicy, open_policy
from protocol.episode_folder import hash_file

FIGURES_SEED = 40_000
SCENES, RUNS = 60, 150
LIMITS = (
    "Only the simulated arm at its table, in its own light, with the red, blue and yellow cube and the green cylinder.",
    "Two skills, reach and lift, in English. It has never failed on purpose, so it does not know how failing looks.",
    "Its doubt notices colours, backgrounds and things that are new; it does not notice that a grasp slips.",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("policies/starter"))
    parser.add_argument("--data", type=Path, default=None, help="keeps demonstrations and training here for the next time")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began_s = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        data, recipe = options.data or Path(scratch), Recipe()
        for task in TASKS:
            demonstrate((data / task, task, 0, DEMONSTRATIONS))
        learn((data, recipe))
        finished = Path(scratch) / "finished"
        shutil.copytree(recipe.folder(data), finished)
        finish(finished)
        shutil.rmtree(options.out, ignore_errors=True)
        shutil.copytree(finished, options.out)
    print(f"{options.out} is made, in {(time.process_time() - began_s) / 60:.1f} CPU minutes.")
    return 0


def finish(folder: Path) -> None:
    """Calibrates it, measures it, and says both on its card."""
    policy = open_policy(folder)
    familiar, limit = calibrate(successes(policy, CALIBRATION_SEED, RUNS), ALPHA)
    keep(folder / CALIBRATION, familiar, limit)
    figures: dict[str, Any] = {task: success(policy, task) for task in TASKS}
    alarms = false_alarms(policy, familiar, limit, SCENES // 2, FIGURES_SEED + SCENES)
    figures["doubt"] = {
        "alpha": ALPHA, "runs": alarms["runs"], "false_alarms": alarms["share"], "sha256": hash_file(folder / CALIBRATION).sha256,
    }  # fmt: skip
    card: Card = msgspec.structs.replace(
        policy.card,
        name="starter",
        figures={**policy.card.figures, **figures},
        lineage={"demonstrations": f"{DEMONSTRATIONS} scripted ones of each of {', '.join(TASKS)}, scenes from 0 on"},
        limits=LIMITS,
        licence="Apache-2.0",
    )
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))


def success(policy: VlaPolicy, task: str) -> dict[str, float]:
    arena = Arena(task)
    given = ((arena.begin(scene), arena) for scene in range(FIGURES_SEED, FIGURES_SEED + SCENES))
    hits = [table.run(policy, one.instruction).success for one, table in given if one is not None]
    arena.close()
    low, high = wilson(sum(hits), len(hits))
    return {"n": len(hits), "success": round(sum(hits) / len(hits), 3), "low": round(low, 3), "high": round(high, 3)}


if __name__ == "__main__":
    sys.exit(main())
