"""Episodes as the training wants them: at the policy's rate, in small pictures.  From episode folders; Django is not needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from episodes.data.manifest import Manifest, ManifestMark
from episodes.data.proving import damages
from policies.learning.config import Body, CameraSlot, Config, ModelConfig
from policies.learning.labels import Known, known, marked
from policies.learning.preprocess import scaled
from protocol.embodiment import Embodiment
from protocol.episode_folder import EVENTS, FRAMES, META, decode_meta, embodiment_of, is_episode_file, is_episode_id, video_path
from protocol.errors import Refused
from protocol.scene import EVENT, SceneReport

Floats = NDArray[np.float32]
_TOOLS = (("tool_x", "tool_y", "tool_z"), ("hand_x", "hand_y", "hand_z"))  # where a robot may say its tool is


class _Event(msgspec.Struct, frozen=True):
    """What a line of events.jsonl must have to be looked at."""

    time_ns: int
    event: str
    detail: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Choice:
    """An episode to learn from: its folder, the rows first..last of it, and how it was labelled."""

    folder: Path
    first: int = 0
    last: int | None = None
    instruction: str | None = None
    weight: float = 1.0
    validation: bool = False
    marks: tuple[ManifestMark, ...] = ()
    outcome: str | None = None  # as it was labelled when it was frozen; None: as it was recorded


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """N steps of one episode.  `state` float32[N, S] whole, `actions` float32[N, A] asked, `pictures` uint8[N, h, w, 3] by
    slot."""

    choice: Choice
    task: str  # its name, where the recording says one
    body: int
    instruction: str
    state: Floats
    actions: Floats
    pictures: dict[str, NDArray[np.uint8]]
    pilots: tuple[str, ...]
    known: Known


def choices(path: Path) -> list[Choice]:
    """What is in `path`: a dataset version's manifest (its episode folders lie beside it), an episode folder, or a folder of
    such.

    Every byte of a version is read and hashed first.  Refused: `dataset_empty`, `dataset_damaged` naming the first file that
    is not what was frozen.
    """
    if path.is_file():
        manifest = _manifest(path)
        if not all(is_episode_id(one.id) and all(map(is_episode_file, one.files)) for one in manifest.episodes):
            raise Refused("dataset_damaged", f"{path.name} names what is no episode or no file of one.")
        for damage in damages(manifest, lambda id: path.parent / id):
            raise Refused("dataset_damaged", f"{damage.sentence} Nothing is learnt from it.", path=damage.path)
        return [
            Choice(
                path.parent / one.id, one.first, one.last, one.instruction, one.weight, one.split == "validation",
                () if one.marks is msgspec.UNSET else one.marks, one.outcome,
            )
            for one in manifest.episodes
        ]  # fmt: skip
    folders = [path] if (path / META).exists() else sorted(meta.parent for meta in path.glob(f"*/{META}"))
    if not folders:
        raise Refused("dataset_empty", f"There is no episode in {path}.")
    return [Choice(folder) for folder in folders]


def _manifest(path: Path) -> Manifest:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("dataset_damaged", f"The manifest {path.name} cannot be read: {error}.") from error


def outcome_of(choice: Choice) -> str:
    return decode_meta((choice.folder / META).read_bytes()).outcome if choice.outcome is None else choice.outcome


def bodies_of(chosen: list[Choice], config: Config) -> tuple[Body, ...]:
    """The kinds of robots in these episodes, by name: seen as `config.proprioception` says, by the cameras that have a slot."""
    found: dict[str, Body] = {}
    for choice in chosen:
        embodiment = embodiment_of(decode_meta((choice.folder / META).read_bytes()))
        if embodiment.kind not in found:
            found[embodiment.kind] = _body(embodiment, config)
    return tuple(sorted(found.values(), key=lambda body: body.embodiment.name))


def objects_of(chosen: list[Choice]) -> tuple[str, ...]:
    """What these episodes are about: what their worlds, or reviewers' marks, name of what their instructions say."""
    found: set[str] = set()
    for choice in chosen:
        meta = decode_meta((choice.folder / META).read_bytes())
        said = meta.instruction if choice.instruction is None else choice.instruction
        found |= {name for name in (str(meta.world.get("target", "")), _named(choice.marks, said)) if name}
    return tuple(sorted(found))


def _named(marks: tuple[ManifestMark, ...], instruction: str) -> str:
    """The thing that is marked and that the instruction is about; the longest name where several are in it."""
    said = instruction.casefold()
    return max((mark.name for mark in marks if mark.name.casefold() in said), key=len, default="")


def _body(embodiment: Embodiment, config: Config) -> Body:
    names = [quantity.name for quantity in embodiment.state]
    steady = tuple(q.name for q in embodiment.state if not q.unit.endswith("/s") and q.unit != "N m")
    tool = next((each for each in _TOOLS if set(each) <= set(names)), None)
    cameras = {camera.name for camera in embodiment.cameras}
    slots = {slot.name: slot.name for slot in config.model.slots if slot.name in cameras}
    seen = config.proprioception.get(embodiment.name, steady)
    return Body(embodiment=embodiment, proprioception=seen, tool=tool, cameras=slots).check(config.model.slots)


def read(choice: Choice, config: ModelConfig) -> Recorded:
    """Refused: `policy_embodiment` when the model has no body like this robot, `dataset_damaged` when it has no such rows,
    `episode_damaged` when it cannot be read."""
    meta = decode_meta((choice.folder / META).read_bytes())
    embodiment = embodiment_of(meta)
    body = next((i for i, body in enumerate(config.bodies) if body.embodiment.kind == embodiment.kind), None)
    if body is None:
        raise Refused("policy_embodiment", f"The episode {meta.id} is of {embodiment.name}, which the model has no body for.")
    last = meta.rows - 1 if choice.last is None else choice.last
    if not 0 <= choice.first <= last < meta.rows:
        raise Refused("dataset_damaged", f"The episode {meta.id} has {meta.rows} rows, not {choice.first} to {last}.")
    stride = max(1, round(config.step_s * meta.record_hz))
    rows = np.arange(choice.first, last + 1, stride)
    table = pq.read_table(choice.folder / FRAMES, columns=["time_ns", "pilot", "state", "action"])
    asked, state = _vectors(table["action"], len(embodiment.action)), _vectors(table["state"], len(embodiment.state))[rows]
    if not (np.isfinite(asked).all() and np.isfinite(state).all()):
        raise Refused("episode_damaged", f"The episode {meta.id} holds values that are no numbers.")
    rates = np.array([axis.is_rate for axis in embodiment.action])
    actions = np.stack([_over(asked[row : min(row + stride, last + 1)], rates) for row in rows])
    kind, pilots = config.bodies[body], table["pilot"].to_pylist()
    instruction = meta.instruction if choice.instruction is None else choice.instruction
    target = str(meta.world.get("target", "")) or _named(choice.marks, instruction)
    position = _position(choice.folder, target, table["time_ns"].to_numpy()[rows])
    labels = known(config, kind, state, actions, target, position)
    slots = [slot for slot in config.slots if slot.name in kind.cameras]
    return Recorded(
        choice,
        str(meta.world.get("task", "")),
        body,
        instruction,
        state,
        actions,
        {slot.name: np.stack(list(_pictures(choice.folder, slot, kind.cameras[slot.name], rows))) for slot in slots},
        tuple(pilots[row] for row in rows),
        marked(labels, config, kind, [mark for mark in choice.marks if mark.name == target], rows),
    )


def _over(asked: Floats, rates: NDArray[np.bool_]) -> Floats:
    """One action for several rows: the mean of a rate, the newest of anything else."""
    return np.asarray(np.where(rates, asked.mean(0), asked[-1]), np.float32)


def _pictures(folder: Path, slot: CameraSlot, camera: str, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    wanted = set(rows.tolist())
    path = folder / video_path(camera)
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


def _position(folder: Path, name: str, time_ns: NDArray[np.int64]) -> Floats:
    """[N, 3] m: where the thing was said to be last, NaN where nobody said it.  Lines that say nothing are passed over."""
    said: list[tuple[int, tuple[float, float, float]]] = []
    for line in (folder / EVENTS).read_bytes().splitlines():
        try:
            event = msgspec.json.decode(line, type=_Event)
            report = msgspec.convert(event.detail, SceneReport) if event.event == EVENT else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        said += [(event.time_ns, thing.position) for thing in (report.objects if report else ()) if thing.name == name]
    if not said:
        return np.full((len(time_ns), 3), np.nan, np.float32)
    at = np.searchsorted([time for time, _ in said], time_ns, side="right") - 1
    return np.asarray([said[index][1] for index in at.clip(0)], np.float32)


def _vectors(column: object, width: int) -> Floats:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)  # type: ignore[attr-defined]
    return np.asarray(flat, np.float32).reshape(-1, width)
