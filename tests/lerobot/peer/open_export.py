"""Opens an export with real LeRobot and holds every value and every picture against the episode folders it came from.

`open_export.py ROOT SPEC`, SPEC being JSON: [{folder, first, rows, task, cameras}] in the order of the export.
Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from real import av, opened, torch  # isort: skip
import numpy as np
import pyarrow.parquet as pq

PILOTS = ("operator", "policy", "primitive", "script", "hold")


def recorded(path: Path) -> list[np.ndarray]:
    """Every picture of a recording as a player decodes it, uint8[H,W,3]."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def expected_rows(episode: dict[str, Any]) -> dict[str, Any]:
    table = pq.read_table(Path(episode["folder"]) / "frames.parquet").slice(episode["first"], episode["rows"])
    rows = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    cameras = episode["cameras"]
    return {
        "observation.state": rows["state"],
        "action": rows["action"],
        "reins.action_done": rows["action_done"],
        "reins.pilot": np.array([PILOTS.index(name) for name in rows["pilot"]]),
        "reins.latency_ms": np.nan_to_num(rows["latency_ms"], nan=-1.0),
        "reins.uncertainty": np.nan_to_num(rows["uncertainty"], nan=-1.0),
        "reins.capture_ns": np.stack([rows[f"capture_ns.{camera}"] for camera in cameras], axis=1),
        "reins.repeated": np.stack([rows[f"repeated.{camera}"] for camera in cameras], axis=1),
        **{f"reins.{name}": rows[name] for name in ("time_ns", "mono_s", "lease_epoch", "lease_seq", "fence", "clamps", "chunk")},
    }


def compare(root: str, spec: list[dict[str, Any]]) -> dict[str, Any]:
    dataset = opened(root)
    worst, unequal, at = 0.0, [], 0
    for number, episode in enumerate(spec):
        expected = expected_rows(episode)
        cameras = {camera: recorded(Path(episode["folder"]) / "video" / f"{camera}.mp4") for camera in episode["cameras"]}
        for row in range(episode["rows"]):
            item = dataset[at]
            place = (int(item["index"]), int(item["episode_index"]), int(item["frame_index"]), item["task"])
            if place != (at, number, row, episode["task"]) or abs(float(item["timestamp"]) - row / dataset.fps) > 1e-4:
                unequal.append(f"row {at} says {place}")
            for key, values in expected.items():
                if not np.array_equal(
                    item[key].numpy().reshape(-1), np.asarray(values[row], item[key].numpy().dtype).reshape(-1)
                ):
                    unequal.append(f"{key} in row {at}")
            for camera, pictures in cameras.items():
                shown = item[f"observation.images.{camera}"].permute(1, 2, 0).numpy() * 255
                worst = max(worst, float(np.abs(shown - pictures[episode["first"] + row]).mean()))
            at += 1
    return {"rows": len(dataset), "compared": at, "worst_grey_levels": worst, "unequal": unequal[:5]}


def windows(root: str, cameras: list[str]) -> dict[str, Any]:
    """Delta windows and the choice of episodes, at both ends of an episode."""
    fps = opened(root).fps
    camera = f"observation.images.{cameras[0]}"
    wanted = {"action": [i / fps for i in range(8)], camera: [-1 / fps, 0.0]}
    some = opened(root, episodes=[1, 2], delta_timestamps=wanted)
    first, last = some[0], some[len(some) - 1]
    numbers = [torch.as_tensor(value) for feature in some.meta.stats.values() for value in feature.values()]
    return {
        "episodes": sorted({int(index) for index in some.hf_dataset["episode_index"]}),
        "rows": len(some),
        "action": list(last["action"].shape),
        "last_padded": int(last["action_is_pad"].sum()),
        "first_padded": first[f"{camera}_is_pad"].tolist(),
        "pictures": list(first[camera].shape),
        "finite": all(bool(torch.isfinite(number).all()) for number in numbers),
        "quantiles": "q99" in some.meta.stats["action"],
    }


if __name__ == "__main__":
    spec = json.loads(Path(sys.argv[2]).read_text())
    print(json.dumps({**compare(sys.argv[1], spec), "windows": windows(sys.argv[1], spec[0]["cameras"])}))
