"""Browser <-> server over `/ws/fleet/`: the live list of robots and the stop of several at once."""

from __future__ import annotations

from typing import Literal

from protocol.state import Part, RobotState
from protocol.wire import Message, Problem


class Ack(Message, frozen=True, tag="ack"):
    n: int


class StopRobots(Message, frozen=True, tag="stop_robots"):
    """Remote stop of these robots, or of all one may see when empty."""

    robots: tuple[str, ...] = ()


FromBrowser = Ack | StopRobots


class RobotRow(Part, frozen=True, kw_only=True):
    """A robot as a list shows it.  `snapshot` is the address of the newest picture, "" when there is none."""

    id: str
    name: str
    site: str
    kind: str
    online: bool
    last_seen_s: float | None
    state: RobotState | None
    snapshot: str = ""
    snapshot_age_s: float | None = None
    may_drive: bool = False
    alerts: tuple[str, ...] = ()
    may_release: bool = False  # it is held, which an alert explains, and this person may end that


class Rows(Message, frozen=True, tag="rows"):
    """Coalesced changes; `all` is true when the list is whole (first message, or rights changed)."""

    n: int
    all: bool
    rows: tuple[RobotRow, ...]
    gone: tuple[str, ...] = ()


class StopOne(Part, frozen=True):
    robot: str
    name: str
    state: Literal["asked", "acknowledged", "unreachable"]
    last_seen_s: float | None = None


class StopReport(Message, frozen=True, tag="stop_report"):
    """Truthful reach of a stop: sent on every change until all are acknowledged or unreachable."""

    robots: tuple[StopOne, ...]


FromServer = Rows | StopReport | Problem
