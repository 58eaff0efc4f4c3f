"""Makes LeRobot importable without a network, a GPU or a torchvision built for this torch.  For `.venv-lerobot` only."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from typing import Any

from torch import library

_declared: list[Any] = []  # what they declare goes when they go


def prepare() -> None:
    """Once, before the first import of lerobot."""
    if _declared:
        return
    os.environ["HF_HUB_OFFLINE"] = "1"
    declare: Any = library.Library
    operators = declare("torchvision", "DEF")  # the plain wheel has none for a CPU build of torch
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(operators)
    found = importlib.util.find_spec("lerobot")
    assert found is not None and found.submodule_search_locations is not None
    # the package's own __init__ imports every policy there is, with all that those need: only the folder is wanted
    policies = types.ModuleType("lerobot.policies")
    policies.__path__ = [os.path.join(next(iter(found.submodule_search_locations)), "policies")]
    sys.modules["lerobot.policies"] = policies
