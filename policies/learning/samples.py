"""A few steps that were set aside, as pictures, and what the model says of them at each check: is it looking at the right thing?

`frames.json`: what is so; `<number>.<camera>.jpg`: the pictures; `said.jsonl`: one line for each check.  Places are shares of
a picture's width and height.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from policies.learning.config import Body, ModelConfig
from policies.learning.folder import Card
from policies.learning.labels import projected
from policies.learning.phases import SUBTASKS
from policies.learning.policy import VlaPolicy
from policies.learning.preprocess import Scale
from policies.learning.read import Recorded
from policies.learning.vla import Vla
from protocol.policy import Observation, Reasoning

MOST = 6
FRAMES, SAID = "frames.json", "said.jsonl"


class Samples:
    """`folder` "" keeps nothing."""

    def __init__(self, folder: str, config: ModelConfig, scales: tuple[Scale, ...], episodes: list[Recorded]) -> None:
        self._folder = Path(folder) if folder else None
        self._config, self._scales = config, scales
        self._chosen = chosen(episodes) if folder else []

    def show(self) -> None:
        """Writes the pictures, and what is so."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for number, (one, row) in enumerate(self._chosen):
            for camera, picture in self._pictures(one, row).items():
                path = self._folder / f"{number}.{camera}.jpg"
                cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
        beside = self._folder / f".{FRAMES}"
        beside.write_text(json.dumps([self._truth(one, row) for one, row in self._chosen]))
        os.replace(beside, self._folder / FRAMES)

    def ask(self, step: int, model: Vla) -> None:
        if self._folder is None or not self._chosen:
            return
        policy = VlaPolicy(model, self._scales, Card(name="", parameters=0))
        decisions = policy.act([self._observation(one, row) for one, row in self._chosen])
        said = [self._said(*place, decision.reasoning) for place, decision in zip(self._chosen, decisions, strict=True)]
        with open(self._folder / SAID, "a") as file:
            file.write(json.dumps({"step": step, "said": said}) + "\n")

    def _body(self, one: Recorded) -> Body:
        return self._config.bodies[one.body]

    def _pictures(self, one: Recorded, row: int) -> dict[str, NDArray[np.uint8]]:
        cameras = self._body(one).cameras
        return {cameras[slot]: pictures[row] for slot, pictures in one.pictures.items()}

    def _observation(self, one: Recorded, row: int) -> Observation:
        return Observation(0, self._body(one).embodiment.kind, one.instruction, one.state[row], self._pictures(one, row))

    def _truth(self, one: Recorded, row: int) -> dict[str, Any]:
        known, objects = one.known, self._config.objects
        slots = {slot.name: index for index, slot in enumerate(self._config.slots)}
        boxes = {camera: known.boxes[row, slots[slot]] for slot, camera in self._body(one).cameras.items()}
        corners = {camera: _corners(*map(float, box)) for camera, box in boxes.items() if np.isfinite(box).all()}
        return {
            "episode": one.choice.folder.name,
            "instruction": one.instruction,
            "cameras": sorted(self._pictures(one, row)),
            "subtask": SUBTASKS[known.subtask[row]] if known.subtask[row] >= 0 else "",
            "target": objects[known.name[row]] if known.name[row] >= 0 else "",
            "boxes": corners,
            "waypoint": self._seen(one, row, known.waypoint[row]),
        }

    def _said(self, one: Recorded, row: int, said: Reasoning | None) -> dict[str, Any]:
        if said is None:
            return {}
        sizes = {camera: picture.shape[1::-1] for camera, picture in self._pictures(one, row).items()}
        boxes = said.target.boxes if said.target else {}
        waypoint = np.array(said.waypoint_m if said.waypoint_m else [np.nan] * 3, np.float32)
        return {
            "subtask": said.subtask,
            "target": said.target.name if said.target else "",
            "confidence": round(said.target.confidence, 3) if said.target else 0.0,
            "boxes": {camera: _shares(box, sizes[camera] * 2) for camera, box in boxes.items() if box is not None},
            "keypoints": {c: [_shares(point, sizes[c]) for point in points] for c, points in said.keypoints.items()},
            "waypoint": self._seen(one, row, waypoint),
        }

    def _seen(self, one: Recorded, row: int, place: NDArray[np.float32]) -> dict[str, list[float]]:
        """Where in each picture a place [3] m is; without the cameras that do not see it."""
        body = self._body(one)
        found = {}
        for camera in body.cameras.values():
            points = projected(body.embodiment.camera(camera), body, one.state[row : row + 1], place[None, None])
            if points is not None and np.isfinite(points).all() and (np.abs(points - 0.5) <= 0.5).all():
                found[camera] = [round(float(value), 4) for value in points[0, 0]]
        return found


def chosen(episodes: list[Recorded]) -> list[tuple[Recorded, int]]:
    """Steps of different episodes, some early, some late."""
    picked = [episodes[i] for i in np.unique(np.linspace(0, len(episodes) - 1, MOST).astype(int))] if episodes else []
    return [(one, int((0.25 + 0.12 * (i % 4)) * (len(one.state) - 1))) for i, one in enumerate(picked)]


def _corners(x: float, y: float, wide: float, high: float) -> list[float]:
    return [round(value, 4) for value in (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)]


def _shares(pixels: tuple[float, ...], sizes: tuple[int, ...]) -> list[float]:
    return [round(pixel / size, 4) for pixel, size in zip(pixels, sizes, strict=True)]
