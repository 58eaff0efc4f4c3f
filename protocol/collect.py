"""What passes between whoever wants scripted demonstrations and the processes that make them: JSON, a line each."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from protocol.wire import U32, U63


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What would record: the Embodiment, the version of the robot program."""

    embodiment: dict[str, Any]
    program: str


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Make the demonstration of this seed.  `token` is for uploads; empty where the episode is fetched from the folder."""

    seed: U32
    token: str = ""


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of an order.  `unsuited`: the world of this seed does not allow the task.  `episode` is empty when
    nothing was kept; `uploaded` says that the server has confirmed it, `sentence` why not."""

    seed: U32
    outcome: Literal["success", "failure", "unsuited"]
    episode: str = ""
    rows: U63 = 0
    uploaded: bool = False
    sentence: str = ""


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A process cannot go on: the last line it says."""

    code: str
    sentence: str
