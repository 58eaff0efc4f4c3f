"""What passes between a world process, the bodies in it and those who draw it: file names and message layouts."""

from __future__ import annotations

import msgspec

from protocol.wire import U32

COMMAND_BYTES = 256
STATE_BYTES = 4096
SCENE_BYTES = 64 * 1024
DOOR = "world.door"
SCENE = "world.scene"
WATCHDOG_S = 0.150  # a command older than this holds the arm


def command_file(arm: int) -> str:
    """The mailbox from one arm's driver: float32[A], or nothing at all for "stand still"."""
    return f"arm{arm}.command"


def state_file(arm: int) -> str:
    """The mailbox to one arm's driver: an ArmState."""
    return f"arm{arm}.state"


class ArmState(msgspec.Struct, frozen=True, array_like=True):
    """`state` and `torque` are float32 little endian; `awake` is false while the physics rests."""

    state: bytes
    tool_m: tuple[float, float, float]
    torque: bytes
    awake: bool


class SceneObject(msgspec.Struct, frozen=True, array_like=True):
    """A thing in the world: position in metres, orientation as quaternion w x y z, base frame."""

    name: str
    position: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]


class SceneState(msgspec.Struct, frozen=True, array_like=True):
    """The newest picture of the world: float64 generalised positions, changes to the model, objects.

    `colours`: RGB 0..1 of things and surfaces that were painted.  `done_s`: how long the goal numbered `aim` has been reached.
    """

    resets: int
    seed: int
    scene: str
    qpos: bytes
    edits: bytes
    objects: list[SceneObject]
    colours: dict[str, tuple[float, float, float]] = {}
    aim: int = 0
    done_s: float = 0.0


class Reset(msgspec.Struct, frozen=True, tag="reset", forbid_unknown_fields=True):
    """Start over from `seed`; an empty `scene` keeps the present one."""

    seed: U32
    scene: str = ""


class Paint(msgspec.Struct, frozen=True, tag="paint", forbid_unknown_fields=True):
    """Other colours (see `robot.world.paint`) for things and surfaces, until the next reset."""

    colours: dict[str, str]


class Aim(msgspec.Struct, frozen=True, tag="aim", forbid_unknown_fields=True):
    """From now on `SceneState.done_s` is about this goal, measured from where things are now; no skill: about none."""

    skill: str
    target: str
    number: U32


class Step(msgspec.Struct, frozen=True, tag="step", forbid_unknown_fields=True):
    """Lock-step worlds only: set the action (None = stand still) and advance `ticks`."""

    ticks: int
    action: list[float] | None = None


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To every request; `code` is empty when it was done."""

    code: str = ""
    sentence: str = ""
    resets: int = 0


Request = Reset | Step | Paint | Aim
