"""How a vision-language model whose last words are actions is asked, and what its words mean in a robot's units."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from protocol.errors import Refused

STATISTICS = "dataset_statistics.json"  # beside the weights, as trainings of this sort of model leave it
SAID = "{instruction}"
SIDE = 384  # pixels; models of this sort look at 224 to 384
Finite = Annotated[float, Meta(ge=-1e6, le=1e6)]


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one of the model's numbers is for: axis = number * factor + offset.  An empty axis is for none."""

    axis: str
    factor: Finite = 1.0
    offset: Finite = 0.0


class DiscreteBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of robot: its cameras in the order in which the model sees them, the columns of an action, and the name of the
    data set that the statistics are of.  Axes that no column is for stay at zero."""

    embodiment: Embodiment
    cameras: tuple[str, ...]
    columns: tuple[Column, ...]
    statistics: str

    def check(self) -> DiscreteBody:
        """Itself, or `Refused("policy_config")` naming what does not fit."""
        kind = self.embodiment.check()
        moved = [column.axis for column in self.columns if column.axis]
        unknown = sorted({*moved} - {axis.name for axis in kind.action})
        unknown += sorted({*self.cameras} - {camera.name for camera in kind.cameras})
        if unknown:
            raise Refused("policy_config", f"{kind.name} has no {unknown[0]!r}.")
        if not moved or not self.cameras or len({*moved}) != len(moved) or len({*self.cameras}) != len(self.cameras):
            raise Refused("policy_config", f"Name at least one axis and one camera of {kind.name}, and none twice.")
        if not all(column.factor for column in self.columns):
            raise Refused("policy_config", f"A column for {kind.name} has a factor of zero.")
        return self


class DiscreteConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config.json` of such a policy; the checkpoint lies in the folder `checkpoint` beside it.

    The ids of the `bins` tokens before `end` are numbers of -1 to 1, the last id the smallest; `end` 0 is the length of the
    tokenizer.  `after` are ids that follow the prompt.  `steps` actions are answered at once.
    """

    kind: Literal["discrete"] = "discrete"
    step_s: Annotated[float, Meta(gt=0, le=10)]
    bodies: tuple[DiscreteBody, ...]
    prompt: Annotated[str, Meta(max_length=4000)] = f"<image>In: What action should the robot take to {SAID}?\nOut:"
    lower: bool = True
    after: tuple[Annotated[int, Meta(ge=0)], ...] = ()
    bins: Annotated[int, Meta(ge=2, le=65536)] = 256
    end: Annotated[int, Meta(ge=0)] = 0
    steps: Annotated[int, Meta(ge=1, le=100)] = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"


def read(raw: bytes) -> DiscreteConfig:
    """Refused: `policy_damaged`, `policy_config`."""
    try:
        config = msgspec.json.decode(raw, type=DiscreteConfig)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("policy_damaged", f"The configuration cannot be read: {error}.") from error
    if not config.bodies or config.prompt.count(SAID) != 1:
        raise Refused("policy_config", f"The policy knows no robot, or its prompt does not say {SAID} once.")
    for body in config.bodies:
        body.check()
    return config


def pictures(body: DiscreteBody) -> dict[str, list[int]]:
    """Width and height that are worth sending of each camera: the model scales them itself."""
    found = {}
    for camera in body.cameras:
        eye = body.embodiment.camera(camera)
        share = min(1.0, SIDE / max(eye.width, eye.height))
        found[camera] = [max(1, round(eye.width * share)), max(1, round(eye.height * share))]
    return found


class Statistics(msgspec.Struct, frozen=True):
    """Of the actions of a data set: the 1st and 99th of a hundred, and which numbers they normalise; the rest are as said."""

    q01: tuple[Finite, ...]
    q99: tuple[Finite, ...]
    mask: tuple[bool, ...] = ()

    def check(self, body: DiscreteBody) -> Statistics:
        wanted = len(body.columns)
        if len(self.q01) != wanted or len(self.q99) != wanted or len(self.mask) not in (0, wanted):
            sentence = f"The statistics of {body.statistics!r} have {len(self.q01)} columns; {wanted} are configured."
            raise Refused("policy_config", sentence)
        return self


def read_statistics(path: Path, body: DiscreteBody) -> Statistics:
    """Refused: `policy_missing`, `policy_damaged`, `policy_config`."""
    try:
        told: dict[str, dict[str, Any]] = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Any]])
        if body.statistics not in told:
            known = ", ".join(sorted(told)[:10])
            raise Refused("policy_config", f"{path.name} has no data set {body.statistics!r}; it has {known}.")
        return msgspec.convert(told[body.statistics].get("action"), Statistics).check(body)
    except OSError as error:
        raise Refused("policy_missing", f"{error.filename} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("policy_damaged", f"{path.name} cannot be read: {error}.") from error


class Words:
    """Between the ids of action tokens and actions in a robot's units, both ways.

    As in Kim et al., "OpenVLA" (2024): `bins` borders from -1 to 1, the token of a number is as many ids before `end` as borders
    are not above it, and it stands for the middle between its borders.
    """

    def __init__(self, config: DiscreteConfig, body: DiscreteBody, statistics: Statistics, end: int) -> None:
        self.first, self.end = end - config.bins, end
        self._borders = np.linspace(-1, 1, config.bins)
        self._middles = (self._borders[:-1] + self._borders[1:]) / 2
        self._low, self._high = np.array(statistics.q01), np.array(statistics.q99)
        self._mask = np.array(statistics.mask or [True] * len(body.columns))
        self._columns = [index for index, column in enumerate(body.columns) if column.axis]
        order = [axis.name for axis in body.embodiment.action]
        self._axes = [order.index(body.columns[index].axis) for index in self._columns]
        self._factor = np.array([column.factor for column in body.columns])
        self._offset = np.array([column.offset for column in body.columns])
        self._count = len(order)

    def actions(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """[..., columns] ids -> float32[..., A]."""
        told = self._middles[np.clip(self.end - ids - 1, 0, len(self._middles) - 1)]
        plain = np.where(self._mask, (told + 1) / 2 * (self._high - self._low) + self._low, told)
        out = np.zeros((*ids.shape[:-1], self._count), np.float32)
        out[..., self._axes] = (plain * self._factor + self._offset)[..., self._columns]
        return out

    def ids(self, actions: NDArray[np.float32]) -> NDArray[np.int64]:
        """float32[..., A] -> int64[..., columns]; columns that are for no axis say their lowest number."""
        plain = np.broadcast_to(self._low, (*actions.shape[:-1], len(self._low))).copy()
        factor = self._factor[self._columns]
        plain[..., self._columns] = (actions[..., self._axes] - self._offset[self._columns]) / factor
        span = np.where(self._high > self._low, self._high - self._low, 1.0)
        told = np.where(self._mask, 2 * (plain - self._low) / span - 1, plain)
        above: NDArray[np.int64] = np.digitize(np.clip(told, -1, 1), self._borders)
        return self.end - above
