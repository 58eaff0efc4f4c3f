"""LeRobot's own writer makes a dataset of episode folders: the other side of bench/export.py.  Runs in `.venv-lerobot`.

`lerobot_writer.py SPEC ROOT CODEC STREAMING`, SPEC being JSON: [{folder, rows, task, cameras}].  Prints {"seconds"}:
from the first decoded picture to the finished dataset.  As many image writing threads as its own recorder takes.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "lerobot" / "peer"))

from real import LeRobotDataset, av  # isort: skip
import numpy as np
import pyarrow.parquet as pq


def write(spec: list[dict[str, Any]], root: str, codec: str, streaming: bool) -> None:
    cameras = spec[0]["cameras"]
    first = pq.read_table(Path(spec[0]["folder"]) / "frames.parquet")
    features: dict[str, Any] = {}
    for key, column in (("observation.state", "state"), ("action", "action")):
        width = first[column].type.list_size
        features[key] = {"dtype": "float32", "shape": (width,), "names": [f"{column}{n}" for n in range(width)]}
    for camera, (height, width) in cameras.items():
        shape = {"shape": (height, width, 3), "names": ["height", "width", "channels"]}
        features[f"observation.images.{camera}"] = {"dtype": "video", **shape}
    dataset = LeRobotDataset.create(
        "local/bench", 30, features, root=root, vcodec=codec, streaming_encoding=streaming,
        image_writer_threads=0 if streaming else 4 * len(cameras),
    )  # fmt: skip
    for episode in spec:
        folder = Path(episode["folder"])
        table = pq.read_table(folder / "frames.parquet")
        rows = {name: np.array(table[name].to_pylist(), np.float32) for name in ("state", "action")}
        open_videos = [av.open(str(folder / "video" / f"{camera}.mp4")) for camera in cameras]
        decoded = [video.decode(video=0) for video in open_videos]
        for row in range(episode["rows"]):
            frame: dict[str, Any] = {
                "task": episode["task"],
                "observation.state": rows["state"][row],
                "action": rows["action"][row],
            }
            for camera, frames in zip(cameras, decoded, strict=True):
                frame[f"observation.images.{camera}"] = next(frames).to_ndarray(format="rgb24")
            dataset.add_frame(frame)
        dataset.save_episode()
    dataset.finalize()
    dataset.stop_image_writer()


if __name__ == "__main__":
    path, root, codec, streaming = sys.argv[1:5]
    spec = json.loads(Path(path).read_text())
    began = time.monotonic()
    write(spec, root, codec, streaming == "streaming")
    print(json.dumps({"seconds": time.monotonic() - began}))
