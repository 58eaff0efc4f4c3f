"""What a kind of robot senses and can do: names, units, limits, cameras.  Data only: nothing here moves anything."""

from __future__ import annotations

import hashlib
import math

import msgspec

from protocol.errors import Refused

MAX_NAME = 64  # characters of anything an Embodiment names


class Quantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number the robot senses; `low` and `high` are in `unit`."""

    name: str
    unit: str
    low: float
    high: float


class Axis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number the robot can be asked for.

    `slew` is the largest change per second, in unit/s.  An axis whose unit ends in "/s" is a rate: zero means standstill.
    Any other axis is a position-like target (a gripper): letting go keeps the last value.
    """

    name: str
    unit: str
    low: float
    high: float
    slew: float

    @property
    def is_rate(self) -> bool:
        return self.unit.endswith("/s")


class Camera(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera: size in pixels, intrinsics `K` 3x3 in pixels, pose `T_mount` 4x4 of the camera in the frame `mount`.

    The optical axis is +z, x right, y down (the OpenCV convention).
    """

    name: str
    width: int
    height: int
    fps: float
    K: tuple[tuple[float, float, float], ...]
    mount: str
    T_mount: tuple[tuple[float, float, float, float], ...]


class Workspace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The box, in metres in the base frame, that the tool centre point may not leave."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]


class Embodiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names, shapes, units and limits of one kind of robot.  S = len(state), A = len(action)."""

    name: str
    state: tuple[Quantity, ...]
    action: tuple[Axis, ...]
    control_hz: float
    record_hz: float
    policy_hz: float
    cameras: tuple[Camera, ...]
    workspace: Workspace | None = None
    version: int = 1

    @property
    def hash(self) -> str:
        """sha256 hex of the canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    @property
    def kind(self) -> str:
        """sha256 hex of what a policy relies on: everything but how large and how often pictures are."""
        views = [(c.name, c.mount, c.T_mount, [round(c.K[i][i] / c.height, 2) for i in (0, 1)]) for c in self.cameras]
        relied = (self.name, self.version, self.state, self.action, self.workspace, views)
        return hashlib.sha256(msgspec.json.encode(relied, order="deterministic")).hexdigest()

    def camera(self, name: str) -> Camera:
        return next(c for c in self.cameras if c.name == name)

    def check(self) -> Embodiment:
        """Itself, or `Refused("embodiment_invalid")` naming the first thing that cannot be."""
        limited: tuple[Quantity | Axis, ...] = (*self.state, *self.action)
        words = (self.name, *(q.unit for q in limited), *(c.mount for c in self.cameras))
        if not all(len(word) <= MAX_NAME and word.isprintable() for word in words):
            raise Refused("embodiment_invalid", f"Names and units have at most {MAX_NAME} printable characters.")
        for what, items in (("state", self.state), ("action", self.action), ("camera", self.cameras)):
            names = [item.name for item in items]
            if not all(0 < len(name) <= MAX_NAME and name.isprintable() for name in names):
                raise Refused("embodiment_invalid", f"A {what} name has 1 to {MAX_NAME} printable characters.")
            if len(set(names)) != len(names):
                raise Refused("embodiment_invalid", f"Two {what} entries have the same name.")
        for q in limited:
            if not (math.isfinite(q.low) and math.isfinite(q.high) and q.low < q.high):
                raise Refused("embodiment_invalid", f"{q.name}: low {q.low} must be a number below high {q.high}.")
        for axis in self.action:
            if not (math.isfinite(axis.slew) and axis.slew > 0):
                raise Refused("embodiment_invalid", f"{axis.name}: slew {axis.slew} must be above zero.")
        for hz in (self.control_hz, self.record_hz, self.policy_hz):
            if not 0 < hz <= 1000:
                raise Refused("embodiment_invalid", f"A rate of {hz} Hz is outside 0 to 1000.")
        return self


def differences(before: Embodiment, after: Embodiment) -> tuple[str, ...]:
    """What `after` says otherwise, in words for people; empty when both are the same."""
    found: list[str] = []
    for what in ("state", "action", "cameras"):
        old, new = ({item.name: item for item in getattr(body, what)} for body in (before, after))
        gone, more = [name for name in old if name not in new], [name for name in new if name not in old]
        found += [f"{what}: {name} is gone" for name in gone] + [f"{what}: {name} is new" for name in more]
        found += [f"{what}: {name} has other values" for name in old if name in new and old[name] != new[name]]
        if not gone and not more and list(old) != list(new):
            found.append(f"{what}: another order")
    for what in ("name", "control_hz", "record_hz", "policy_hz", "workspace", "version"):
        if getattr(before, what) != getattr(after, what):
            found.append(f"another {what.replace('_', ' ')}")
    return tuple(found)


def decode_embodiment(raw: bytes) -> Embodiment:
    """From JSON; refuses unknown fields and impossible numbers with `Refused("embodiment_invalid")`."""
    try:
        return msgspec.json.decode(raw, type=Embodiment).check()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("embodiment_invalid", f"The embodiment cannot be read: {error}.") from error
