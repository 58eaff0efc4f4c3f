"""Real LeRobot without a network, a GPU or a torchvision built for this torch.  Runs in `.venv-lerobot` only."""

from __future__ import annotations

import os
import sys
import types
import warnings
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("HF_DATASETS_CACHE", os.path.join(os.environ.get("TMPDIR", "/tmp"), "lerobot-cache"))
warnings.simplefilter("ignore")

import torch
from torch import library

_ops = library.Library("torchvision", "DEF")  # the plain wheel has no operators for a CPU build of torch
_ops.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_ops.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import av
import lerobot
import lerobot.datasets.video_utils as video_utils

# the package's own __init__ imports every policy there is, with all that those need: only the folder is wanted
policies = types.ModuleType("lerobot.policies")
policies.__path__ = [os.path.join(next(iter(lerobot.__path__)), "policies")]
sys.modules["lerobot.policies"] = policies


def decode(path: Any, timestamps: list[float], tolerance_s: float, *_: Any, **__: Any) -> torch.Tensor:
    """What LeRobot's own decoder does, by PyAV: the picture nearest to each time, refused beyond the tolerance."""
    times, pictures = [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(max(0, round(min(timestamps) / stream.time_base) - 1), stream=stream, backward=True)
        for frame in container.decode(stream):
            times.append(float(frame.pts * stream.time_base))
            pictures.append(torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1))
            if times[-1] >= max(timestamps):
                break
    away, nearest = (torch.tensor(timestamps)[:, None] - torch.tensor(times)[None]).abs().min(1)
    if not (away < tolerance_s).all():
        raise video_utils.FrameTimestampError(f"{path}: no picture at {timestamps}, but at {times}")
    return torch.stack([pictures[i] for i in nearest]).float() / 255


video_utils.decode_video_frames_torchvision = decode

from lerobot.datasets.lerobot_dataset import LeRobotDataset


def opened(root: str, **options: Any) -> LeRobotDataset:
    return LeRobotDataset("local/export", root=root, video_backend="pyav", **options)
