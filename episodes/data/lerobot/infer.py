"""Which Embodiment a dataset was recorded with: the one it carries, the one it is said to be, or one made out of its numbers.

A dataset of others tells names at most.  Units, limits and calibrations that nobody knows are called unknown, not made up.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from episodes.data.lerobot import layout
from episodes.data.lerobot.dataset import DatasetRead, FeatureRead
from protocol.embodiment import MAX_NAME, Axis, Camera, Embodiment, Quantity, decode_embodiment
from protocol.errors import Refused

UNKNOWN = "unknown"
_NOT_CALIBRATED = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 1.0))
_EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


class Span:
    """Lowest, highest and fastest of each number of a feature, episode by episode."""

    def __init__(self, width: int, fps: float) -> None:
        self._fps = fps
        self.low, self.high, self.step = np.full(width, np.inf), np.full(width, -np.inf), np.zeros(width)

    def add(self, values: NDArray[Any]) -> None:
        """`values` [rows, width]; what is no number is passed over."""
        known = np.where(np.isfinite(values), values, np.nan)
        with np.errstate(all="ignore"):
            self.low = np.fmin(self.low, np.fmin.reduce(known, axis=0))
            self.high = np.fmax(self.high, np.fmax.reduce(known, axis=0))
            if len(known) > 1:
                self.step = np.fmax(self.step, np.fmax.reduce(np.abs(np.diff(known, axis=0)), axis=0))

    def limits(self, number: int) -> tuple[float, float]:
        """What was seen, a little wider, so that the limits are no findings of their own."""
        low, high = float(self.low[number]), float(self.high[number])
        if not np.isfinite(low) or not np.isfinite(high):
            return -1.0, 1.0
        margin = 0.05 * (high - low) or 1.0
        return low - margin, high + margin

    def slew(self, number: int) -> float:
        """Per second; at least what crosses the whole range in a second."""
        low, high = self.limits(number)
        return max(float(self.step[number]) * self._fps * 1.05, high - low)


def carried(dataset: DatasetRead) -> Embodiment | None:
    """The Embodiment in meta/reins.json; None without one.

    Refused: `side_file` when its hash is another's, `embodiment_differs` when the dataset is not what it describes.
    """
    if dataset.side is None:
        return None
    body = decode_embodiment(msgspec.json.encode(dataset.side.embodiment))
    if body.hash != dataset.side.embodiment_hash:
        raise Refused("side_file", "The embodiment in meta/reins.json does not match its hash.")
    return fitting(dataset, body, "meta/reins.json")


def fitting(dataset: DatasetRead, body: Embodiment, whose: str) -> Embodiment:
    """`body`, once every width, rate and camera of the dataset is the same; `Refused("embodiment_differs")`."""
    state, action = widths(dataset)
    cameras = {name: feature.size for name, feature in dataset.cameras().items()}
    differs = []
    if (len(body.state), len(body.action)) != (state, action):
        differs.append(f"{state} numbers of state and {action} of action, not {len(body.state)} and {len(body.action)}")
    if body.record_hz != dataset.fps:
        differs.append(f"{dataset.fps:g} rows a second, not {body.record_hz:g}")
    if cameras != {camera.name: (camera.width, camera.height) for camera in body.cameras}:
        differs.append(f"the cameras {_sizes(cameras)}")
    if differs:
        raise Refused("embodiment_differs", f"The dataset has {'; '.join(differs)}: it is not from {whose}.")
    return body


def state_key(dataset: DatasetRead) -> str:
    """`observation.state`, else the first vector among the observations; `Refused("no_state")` without any."""
    vectors = [key for key, feature in dataset.features.items() if feature.is_vector and key.startswith("observation.")]
    if layout.STATE in vectors:
        return layout.STATE
    if not vectors:
        raise Refused("no_state", "The dataset has no vector of observations, so there is no state of the robot.")
    return vectors[0]


def widths(dataset: DatasetRead) -> tuple[int, int]:
    """Of state and action."""
    return dataset.features[state_key(dataset)].shape[0], dataset.features[layout.ACTION].shape[0]


def inferred(dataset: DatasetRead, state: Span, action: Span) -> Embodiment:
    """From names and spans.  Nothing here may ever move a robot: the limits are those that were seen."""
    known = dataset.features
    names = _names(known[state_key(dataset)], "state")
    quantities = tuple(Quantity(name, UNKNOWN, *state.limits(i)) for i, name in enumerate(names))
    axes = tuple(
        Axis(name, UNKNOWN, *action.limits(i), action.slew(i)) for i, name in enumerate(_names(known[layout.ACTION], "action"))
    )
    cameras = tuple(
        Camera(name, *_even(feature.size), dataset.fps, _NOT_CALIBRATED, UNKNOWN, _EYE)
        for name, feature in dataset.cameras().items()
    )
    robot = "".join(letter for letter in dataset.robot if letter.isprintable()) or UNKNOWN
    hz = dataset.fps
    return Embodiment(f"{robot} (imported)"[:MAX_NAME], quantities, axes, hz, hz, hz, cameras).check()


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """H264 of the common kind has even sides only."""
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)


def _names(feature: FeatureRead, what: str) -> tuple[str, ...]:
    """One printable name for each number, unlike the others; numbered where the dataset tells none."""
    width = feature.shape[0]
    given = feature.names
    if isinstance(given, dict):  # {"motors": [...]}, or name -> number
        inner = next(iter(given.values()), None)
        given = inner if isinstance(inner, list) else sorted(given, key=lambda name: str(given[name]).zfill(6))
    if not isinstance(given, list) or len(given) != width:
        given = [f"{what}_{number}" for number in range(width)]
    found: list[str] = []
    for number, name in enumerate(given):
        word = "".join(letter for letter in str(name) if letter.isprintable())[: MAX_NAME - 6] or f"{what}_{number}"
        found.append(word if word not in found else f"{word}_{number}")
    return tuple(found)


def _sizes(cameras: dict[str, tuple[int, int]]) -> str:
    return ", ".join(f"{name} {width}x{height}" for name, (width, height) in cameras.items()) or "none"
