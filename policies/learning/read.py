"""Episodes as the training wants them: at the policy's rate, in small pictures.  From episode folders; Django is not needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import msgspec
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from episodes.data.manifest import Manifest
from episodes.data.proving import damages
from policies.learning.config import Body, Config, ModelConfig
from policies.learning.preprocess import scaled
from protocol.embodiment import Embodiment
from protocol.episode_folder import EVENTS, FRAMES, META, decode_meta, embodiment_of, video_path
from protocol.errors import Refused
from protocol.scene import EVENT

Floats = NDArray[np.float32]
_TOOLS = (("tool_x", "tool_y", "tool_z"), ("hand_x", "hand_y", "hand_z"))  # where a robot may say its tool is


@dataclass(frozen=True, slots=True)
class Choice:
    """An episode to learn from: its folder, the rows first..last of it, and how it was labelled."""

    folder: Path
    first: int = 0
    last: int | None = None
    instruction: str | None = None
    weight: float = 1.0
    validation: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """N steps of one episode.  `state` float32[N, S] whole, `actions` float32[N, A] asked, `pictures` uint8[N, h, w, 3] by
    slot; `things` [N, 3] m by the names of what a simulated world reported, NaN where it did not; `target` "" if unknown."""

    choice: Choice
    body: int
    instruction: str
    target: str
    state: Floats
    actions: Floats
    pictures: dict[str, NDArray[np.uint8]]
    pilots: tuple[str, ...]
    things: dict[str, Floats]


def choices(path: Path) -> list[Choice]:
    """What is in `path`: a dataset version's manifest (its episode folders lie beside it), an episode folder, or a folder of
    such.

    Every byte of a version is read and hashed first.  Refused: `dataset_empty`, `dataset_damaged` naming the first file that
    is not what was frozen.
    """
    if path.is_file():
        manifest = _manifest(path)
        for damage in damages(manifest, lambda id: path.parent / id):
            raise Refused("dataset_damaged", f"{damage.sentence} Nothing is learnt from it.", path=damage.path)
        return [
            Choice(path.parent / one.id, one.first, one.last, one.instruction, one.weight, one.split == "validation")
            for one in manifest.episodes
        ]
    folders = [path] if (path / META).exists() else sorted(meta.parent for meta in path.glob(f"*/{META}"))
    if not folders:
        raise Refused("dataset_empty", f"There is no episode in {path}.")
    return [Choice(folder) for folder in folders]


def _manifest(path: Path) -> Manifest:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("dataset_damaged", f"The manifest {path.name} cannot be read: {error}.") from error


def bodies_of(chosen: list[Choice], config: Config) -> tuple[Body, ...]:
    """The kinds of robots in these episodes, by name: seen as `config.proprioception` says, by the cameras that have a slot."""
    found: dict[str, Body] = {}
    for choice in chosen:
        embodiment = embodiment_of(decode_meta((choice.folder / META).read_bytes()))
        if embodiment.kind not in found:
            found[embodiment.kind] = _body(embodiment, config)
    return tuple(sorted(found.values(), key=lambda body: body.embodiment.name))


def _body(embodiment: Embodiment, config: Config) -> Body:
    names = [quantity.name for quantity in embodiment.state]
    steady = tuple(q.name for q in embodiment.state if not q.unit.endswith("/s") and q.unit != "N m")
    tool = next((each for each in _TOOLS if set(each) <= set(names)), None)
    cameras = {camera.name for camera in embodiment.cameras}
    slots = {slot.name: slot.name for slot in config.model.slots if slot.name in cameras}
    seen = config.proprioception.get(embodiment.name, steady)
    return Body(embodiment=embodiment, proprioception=seen, tool=tool, cameras=slots).check(config.model.slots)


def read(choice: Choice, config: ModelConfig) -> Recorded:
    """`Refused("policy_embodiment")` when the model has no body like this robot, `episode_damaged` when it cannot be read."""
    meta = decode_meta((choice.folder / META).read_bytes())
    embodiment = embodiment_of(meta)
    body = next((i for i, body in enumerate(config.bodies) if body.embodiment.kind == embodiment.kind), None)
    if body is None:
        raise Refused("policy_embodiment", f"The episode {meta.id} is of {embodiment.name}, which the model has no body for.")
    last = meta.rows - 1 if choice.last is None else min(choice.last, meta.rows - 1)
    stride = max(1, round(config.step_s * meta.record_hz))
    rows = np.arange(choice.first, last + 1, stride)
    table = pq.read_table(choice.folder / FRAMES, columns=["time_ns", "pilot", "state", "action"])
    asked = _vectors(table["action"], len(embodiment.action))
    rates = np.array([axis.is_rate for axis in embodiment.action])
    pilots = table["pilot"].to_pylist()
    return Recorded(
        choice,
        body,
        choice.instruction if choice.instruction is not None else meta.instruction,
        str(meta.world.get("target", "")),
        _vectors(table["state"], len(embodiment.state))[rows],
        np.stack([_over(asked[row : min(row + stride, last + 1)], rates) for row in rows]),
        {slot.name: np.stack(list(_pictures(choice.folder, config, config.bodies[body], slot.name, rows)))
         for slot in config.slots if slot.name in config.bodies[body].cameras},
        tuple(pilots[row] for row in rows),
        _things(choice.folder, table["time_ns"].to_numpy()[rows]),
    )  # fmt: skip


def _over(asked: Floats, rates: NDArray[np.bool_]) -> Floats:
    """One action for several rows: the mean of a rate, the newest of anything else."""
    return np.asarray(np.where(rates, asked.mean(0), asked[-1]), np.float32)


def _pictures(folder: Path, config: ModelConfig, body: Body, name: str, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    slot = next(slot for slot in config.slots if slot.name == name)
    wanted = set(rows.tolist())
    path = folder / video_path(body.cameras[name])
    try:
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for row, frame in enumerate(container.decode(video=0)):
                if row in wanted:
                    yield scaled(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), slot)
                    wanted.discard(row)
    except av.FFmpegError as error:
        raise Refused("episode_damaged", f"{path.name} of {folder.name} cannot be read: {error}.") from error
    if wanted:
        raise Refused("episode_damaged", f"{path.name} of {folder.name} has fewer pictures than rows.")


def _things(folder: Path, time_ns: NDArray[np.int64]) -> dict[str, Floats]:
    """[N, 3] by name: where each was said to be last."""
    said = [line for line in (folder / EVENTS).read_bytes().splitlines() if b'"scene"' in line]
    reports = [report for report in map(json.loads, said) if report["event"] == EVENT]
    if not reports:
        return {}
    at = np.searchsorted([report["time_ns"] for report in reports], time_ns, side="right") - 1
    names = {thing["name"] for report in reports for thing in report["detail"]["objects"]}
    found = {name: np.full((len(time_ns), 3), np.nan, np.float32) for name in names}
    for row, which in enumerate(at.clip(0)):
        for thing in reports[which]["detail"]["objects"]:
            found[thing["name"]][row] = thing["position"]
    return found


def _vectors(column: object, width: int) -> Floats:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)  # type: ignore[attr-defined]
    return np.asarray(flat, np.float32).reshape(-1, width)
