"""All steps of all episodes in memory, and batches drawn from them.  A batch is a function of seed and step alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.learning.config import LearnConfig, ModelConfig
from policies.learning.labels import Known
from policies.learning.paraphrases import paraphrase
from policies.learning.preprocess import Preprocess, Scale, scale_of
from policies.learning.read import Recorded
from policies.learning.vla import Inputs, Labels
from policies.learning.weights import classes, sampling
from policies.learning.words import tokens
from protocol.errors import Refused

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Windows:
    """N steps.  `pictures` uint8[N, h + 2 shift, w + 2 shift, 3] by slot, their edges repeated outwards; `last` int64[N] is
    the last step of each step's episode; `chance` float64[N] adds up to 1."""

    config: ModelConfig
    body: NDArray[np.int64]
    episode: NDArray[np.int64]
    instructions: tuple[str, ...]  # by episode
    tasks: tuple[str, ...]  # by episode
    state: Floats
    actions: Floats  # [N, A] normalised, padded
    axes: Floats  # [N, A]: 1 where the body has such an axis
    still: Floats  # [N, A] normalised: what stands still, for steps after the end
    pictures: tuple[NDArray[np.uint8], ...]
    seen: NDArray[np.bool_]
    last: NDArray[np.int64]
    chance: NDArray[np.float64]
    known: Known  # places normalised
    shift: int

    def __len__(self) -> int:
        return len(self.body)


def scales_of(episodes: list[Recorded], config: ModelConfig) -> tuple[Scale, ...]:
    """One for each body; `Refused("dataset_empty")` when one of them was never seen."""
    found = []
    for index, body in enumerate(config.bodies):
        own = [one for one in episodes if one.body == index]
        if not own:
            raise Refused("dataset_empty", f"No episode is of {body.embodiment.name}.")
        places = np.concatenate([place for one in own for place in _places(one.known)])
        state = np.concatenate([one.state for one in own])[:, body.columns(body.proprioception)]
        found.append(scale_of(body, state, np.concatenate([one.actions for one in own]), places))
    return tuple(found)


def _places(labels: Known) -> tuple[Floats, Floats]:
    return tuple(places[np.isfinite(places).all(1)] for places in (labels.waypoint, labels.position))  # type: ignore[return-value]


def windows_of(episodes: list[Recorded], before: Preprocess, shift: int) -> Windows:
    """`Refused("dataset_empty")` when there are none, or nobody drove."""
    config = before.config
    axes = max(len(body.embodiment.action) for body in config.bodies)
    if not episodes:
        raise Refused("dataset_empty", "Every episode is set aside: there is nothing to learn from.")
    counts = [len(one.state) for one in episodes]
    body = np.repeat([one.body for one in episodes], counts)
    kinds = np.concatenate([classes(one.pilots, config.step_s) for one in episodes])
    if not (kinds >= 0).any():
        raise Refused("dataset_empty", "Nobody drove in these episodes: there is nothing to learn from.")
    return Windows(
        config,
        body,
        np.repeat(np.arange(len(episodes)), counts),
        tuple(one.instruction for one in episodes),
        tuple(one.task for one in episodes),
        np.concatenate([before.state(one.body, one.state) for one in episodes]),
        np.concatenate([_normal(one.actions, before.scales[one.body], axes) for one in episodes]),
        np.concatenate([_normal(np.ones_like(one.actions), None, axes) for one in episodes]),
        np.concatenate([_normal(_still(one, config), before.scales[one.body], axes) for one in episodes]),
        tuple(_bordered(episodes, config, index, shift) for index in range(len(config.slots))),
        np.array([[slot.name in config.bodies[b].cameras for slot in config.slots] for b in body]),
        np.repeat(np.cumsum(counts) - 1, counts),
        sampling(kinds, np.repeat([one.choice.weight for one in episodes], counts)),
        _joined([_scaled(one.known, before.scales[one.body]) for one in episodes]),
        shift,
    )


def lesson(windows: Windows, learn: LearnConfig, step: int) -> NDArray[np.float64]:
    """[N] chances at this step; `Refused("policy_config")` when the curriculum names no task that is there."""
    now = next((one for one in learn.curriculum if step < one.until * learn.steps), None)
    if now is None:
        return windows.chance
    weight = np.array([now.tasks.get(task, 0.0) for task in windows.tasks])
    chance = windows.chance * weight[windows.episode]
    if not chance.sum() > 0:
        raise Refused(
            "policy_config", f"No episode is of {' or '.join(now.tasks) or 'a task'}, which the curriculum begins with."
        )
    return np.asarray(chance / chance.sum())


def batch(windows: Windows, learn: LearnConfig, step: int, part: tuple[int, int] = (0, 1)) -> tuple[Inputs, Labels]:
    """The batch of this step: with pictures moved about, noise on proprioception and other words for the same.

    `part` (which, of how many): every so manieth row of it, for one of several processes.
    """
    rng = np.random.default_rng([learn.seed, step])
    rows = rng.choice(len(windows), learn.batch, p=lesson(windows, learn, step))
    if part != (0, 1):
        rows, rng = rows[part[0] :: part[1]], np.random.default_rng([learn.seed, step, part[0]])
    given, labels = taken(windows, rows, rng, [paraphrase(windows.instructions[e], rng) for e in windows.episode[rows]])
    noise = torch.from_numpy(rng.normal(0, learn.noise, tuple(given.state.shape)).astype(np.float32))
    return Inputs(given.body, given.tokens, given.state + noise, given.pictures, given.seen), labels


def taken(
    windows: Windows, rows: NDArray[np.int64], rng: np.random.Generator | None = None, said: list[str] | None = None
) -> tuple[Inputs, Labels]:
    """These rows as a batch; without `rng` as they are."""
    chunk = windows.config.chunk
    after = rows[:, None] + np.arange(chunk)
    over = (after > windows.last[rows, None])[..., None]
    inside = np.minimum(after, windows.last[rows, None])
    actions = np.where(over, windows.still[inside], windows.actions[inside])
    words = said if said is not None else [windows.instructions[e] for e in windows.episode[rows]]
    labels = windows.known
    given = Inputs(
        torch.from_numpy(windows.body[rows]),
        torch.from_numpy(np.stack([tokens(text) for text in words])),
        torch.from_numpy(windows.state[rows]),
        tuple(_shifted(pictures, rows, windows.shift, rng) for pictures in windows.pictures),
        torch.from_numpy(windows.seen[rows]),
    )
    return given, Labels(
        torch.from_numpy(actions),
        torch.from_numpy(windows.axes[rows])[:, None].expand(-1, chunk, -1),
        torch.from_numpy(labels.waypoint[rows]),
        torch.from_numpy(labels.position[rows]),
        torch.from_numpy(labels.subtask[rows]),
        torch.from_numpy(labels.name[rows]),
        torch.from_numpy(labels.boxes[rows]),
        torch.from_numpy(labels.shown[rows]),
    )


def _shifted(pictures: NDArray[np.uint8], rows: NDArray[np.int64], shift: int, rng: np.random.Generator | None) -> Tensor:
    """uint8[B, 3, H, W]; each moved by up to `shift` pixels."""
    high, wide = (side - 2 * shift for side in pictures.shape[1:3])
    moves = np.full((len(rows), 2), shift) if rng is None else rng.integers(0, 2 * shift + 1, (len(rows), 2))
    cut = np.stack([pictures[row, y : y + high, x : x + wide] for row, (y, x) in zip(rows, moves, strict=True)])
    return torch.from_numpy(cut).permute(0, 3, 1, 2)


def _bordered(episodes: list[Recorded], config: ModelConfig, index: int, shift: int) -> NDArray[np.uint8]:
    slot = config.slots[index]
    count = sum(len(one.state) for one in episodes)
    out = np.full((count, slot.height + 2 * shift, slot.width + 2 * shift, 3), 128, np.uint8)
    first = 0
    for one in episodes:
        pictures = one.pictures.get(slot.name)
        if pictures is not None:
            out[first : first + len(pictures)] = np.pad(pictures, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge")
        first += len(one.state)
    return out


def _normal(actions: Floats, scale: Scale | None, axes: int) -> Floats:
    out = np.zeros((len(actions), axes), np.float32)
    out[:, : actions.shape[1]] = actions if scale is None else (actions - scale.action_mean) / scale.action_std
    return out


def _still(one: Recorded, config: ModelConfig) -> Floats:
    rates = np.array([axis.is_rate for axis in config.bodies[one.body].embodiment.action])
    return np.where(rates, np.float32(0), one.actions)


def _scaled(labels: Known, scale: Scale) -> Known:
    waypoint, position = ((places - scale.place_mean) / scale.place_std for places in (labels.waypoint, labels.position))
    return Known(waypoint, position, labels.subtask, labels.name, labels.boxes, labels.shown)


def _joined(each: list[Known]) -> Known:
    return Known(*(np.concatenate([getattr(one, name) for one in each]) for name in Known.__slots__))  # type: ignore[attr-defined]
