"""How a policy behind the openpi protocol is asked: what goes under which key, and what comes back in which order."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from protocol.errors import Refused
from protocol.policy import Decision, Observation, Picture

ALLOWED = "REINS_POLICY_SERVERS"  # in the environment: the addresses that may be asked, with commas


class OpenpiBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of robot.

    `cameras`: camera -> key of its picture; `state`: key -> the quantities that are its numbers; `actions`: the axis that each
    column of the answer is for, "" where it is for none.  Axes that no column is for stay at zero.
    """

    embodiment: Embodiment
    cameras: dict[str, str]
    state: dict[str, tuple[str, ...]]
    actions: tuple[str, ...]
    prompt: str = "prompt"

    def check(self) -> OpenpiBody:
        """Itself, or `Refused("policy_config")` naming what does not fit."""
        about, kind = self.embodiment.name, self.embodiment
        sensed, axes = {one.name for one in kind.state}, [axis.name for axis in kind.action]
        wanted = [name for names in self.state.values() for name in names]
        unknown = sorted({*wanted} - sensed) + sorted({*self.cameras} - {camera.name for camera in kind.cameras})
        unknown += sorted({*self.actions} - {*axes, ""})
        if unknown:
            raise Refused("policy_config", f"{about} has no {unknown[0]!r}.")
        keys = [*self.cameras.values(), *self.state, self.prompt]
        moved = [name for name in self.actions if name]
        if len(set(keys)) != len(keys) or len(set(moved)) != len(moved) or not moved:
            raise Refused("policy_config", f"A key or an axis of {about} stands twice, or no axis is moved.")
        return self


class OpenpiConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config.json` of such a policy.  Pictures are sent `side` pixels square, with black beside the view; 0: as they are."""

    kind: Literal["openpi"] = "openpi"
    address: Annotated[str, Meta(pattern=r"^wss?://[^\s]+$", max_length=300)]
    step_s: Annotated[float, Meta(gt=0, le=10)]  # between two actions of an answer
    bodies: tuple[OpenpiBody, ...]
    side: Annotated[int, Meta(ge=0, le=1024)] = 224
    patience_s: Annotated[float, Meta(gt=0, le=60)] = 5.0


def read(raw: bytes) -> OpenpiConfig:
    """Refused: `policy_damaged`, `policy_config`."""
    try:
        config = msgspec.json.decode(raw, type=OpenpiConfig)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("policy_damaged", f"The configuration cannot be read: {error}.") from error
    if not config.bodies:
        raise Refused("policy_config", "The policy knows no robot.")
    for body in config.bodies:
        body.check()
    return config


def check_allowed(address: str) -> None:
    """`Refused("address_forbidden")`: no host is asked that whoever runs this machine has not named."""
    named = [one.strip() for one in os.environ.get(ALLOWED, "").split(",")]
    if address not in named:
        sentence = f"This machine may not ask {address}. Whoever runs it can allow that by naming it in {ALLOWED}."
        raise Refused("address_forbidden", sentence)


def body_of(config: OpenpiConfig, one: Observation) -> OpenpiBody:
    """`Refused("policy_embodiment")`"""
    found = next((body for body in config.bodies if body.embodiment.kind == one.kind), None)
    if found is None:
        names = ", ".join(body.embodiment.name for body in config.bodies)
        raise Refused("policy_embodiment", f"This policy was made for {names}, not for this robot. Choose another policy.")
    return found


def pictures(config: OpenpiConfig, body: OpenpiBody) -> dict[str, list[int]]:
    """Width and height of each camera's picture, so that its longer side is as long as the server takes them."""
    found = {}
    for camera in body.cameras:
        eye = body.embodiment.camera(camera)
        share = config.side / max(eye.width, eye.height) if config.side else 1.0
        found[camera] = [max(1, round(eye.width * share)), max(1, round(eye.height * share))]
    return found


def question(config: OpenpiConfig, one: Observation) -> dict[str, Any]:
    """What the server is sent.  Refused: `policy_embodiment`, `policy_input`."""
    body = body_of(config, one)
    order = [quantity.name for quantity in body.embodiment.state]
    if one.state.shape != (len(order),) or not np.isfinite(one.state).all():
        raise Refused("policy_input", f"The state has shape {one.state.shape} or holds no numbers; {len(order)} are needed.")
    if missing := sorted(set(body.cameras) - set(one.images)):
        raise Refused("policy_input", f"There is no picture of the camera {missing[0]}.")
    message: dict[str, Any] = {body.prompt: one.instruction}
    message |= {key: one.state[[order.index(name) for name in names]] for key, names in body.state.items()}
    shown = {key: one.images[camera] for camera, key in body.cameras.items()}
    return message | {key: padded(picture, config.side) if config.side else picture for key, picture in shown.items()}


def decision(config: OpenpiConfig, one: Observation, answer: dict[str, Any]) -> Decision:
    """`Refused("policy_output")` when it has no actions, or too few columns."""
    body = body_of(config, one)
    rows = answer.get("actions")
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind != "f" or rows.shape[1] < len(body.actions):
        shape = rows.shape if isinstance(rows, np.ndarray) else "nothing"
        raise Refused(
            "policy_output", f"The policy's server answered {shape} where {len(body.actions)} columns of actions belong."
        )
    axes = [axis.name for axis in body.embodiment.action]
    actions = np.zeros((len(rows), len(axes)), np.float32)
    for column, name in enumerate(body.actions):
        if name:
            actions[:, axes.index(name)] = rows[:, column]
    return Decision(actions, config.step_s, np.zeros(0, np.float32))


def observation(body: OpenpiBody, asked: dict[str, Any]) -> Observation:
    """The other way round: what a question of somebody else's robot says.  `Refused("policy_input")`."""
    state = np.zeros(len(body.embodiment.state), np.float32)
    order = [quantity.name for quantity in body.embodiment.state]
    for key, names in body.state.items():
        numbers = np.asarray(asked.get(key), np.float32) if isinstance(asked.get(key), np.ndarray | list) else np.zeros(0)
        if numbers.shape != (len(names),):
            raise Refused("policy_input", f"{key!r} must be {len(names)} numbers.")
        state[[order.index(name) for name in names]] = numbers
    instruction = asked.get(body.prompt, "")
    if not isinstance(instruction, str) or not np.isfinite(state).all():
        raise Refused("policy_input", f"{body.prompt!r} must be words, and the state numbers.")
    images = {camera: _picture(asked.get(key), key) for camera, key in body.cameras.items()}
    return Observation(0, body.embodiment.kind, instruction, state, images)


def answer(body: OpenpiBody, one: Decision) -> NDArray[np.float32]:
    """Its actions in the columns that the other side expects, float32[H, len(actions)]."""
    axes = [axis.name for axis in body.embodiment.action]
    out = np.zeros((len(one.actions), len(body.actions)), np.float32)
    for column, name in enumerate(body.actions):
        if name:
            out[:, column] = one.actions[:, axes.index(name)]
    return out


def _picture(told: Any, key: str) -> Picture:
    """RGB of either order of its axes, and of either range, as servers of this protocol take them."""
    picture: NDArray[Any] = told if isinstance(told, np.ndarray) else np.zeros(0)
    if picture.ndim == 3 and picture.shape[0] == 3 and picture.shape[2] != 3:
        picture = picture.transpose(1, 2, 0)
    if picture.ndim != 3 or picture.shape[2] != 3 or not 0 < picture.size <= 3 * 2048 * 2048:
        raise Refused("policy_input", f"{key!r} must be a picture of three colours.")
    if picture.dtype.kind == "f":
        picture = np.clip(255 * np.nan_to_num(picture), 0, 255)
    return np.ascontiguousarray(picture.astype(np.uint8))


def padded(picture: Picture, side: int) -> Picture:
    """`side` x `side`, the whole view in the middle, black beside it."""
    high, wide = picture.shape[:2]
    share = side / max(high, wide)
    size = max(1, round(wide * share)), max(1, round(high * share))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR)
    out = np.zeros((side, side, 3), np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = small
    return out
