"""What a conversation reaches and knows: its connection, where its requests go, the newest of the robot.  Data only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from protocol import channel, robot_link
from protocol.state import RobotState
from robot.kernel import door
from robot.link.frame_table import FrameTable


class Connection(Protocol):
    """What a conversation needs of its peer (robot.link.rtc.Peer, or a recorded one in tests)."""

    remote_fingerprint: str

    @property
    def cameras(self) -> tuple[str, ...]: ...
    @property
    def rtp_origin(self) -> dict[str, int]: ...
    @property
    def buffered(self) -> int: ...
    def send_state(self, text: str) -> None: ...
    def send_control(self, raw: bytes) -> None: ...
    def restart(self, camera: str) -> None: ...


class PeerEvents(Protocol):
    """What a peer tells its session; all on the event loop."""

    def on_open(self) -> None: ...
    def on_control(self, raw: bytes | str) -> None: ...
    def on_state(self, raw: bytes | str) -> None: ...
    def on_key_frame(self, camera: str) -> None: ...
    def on_remb(self, bit_s: float) -> None: ...
    def on_report(self, lost: float, rtt_s: float | None) -> None: ...
    def on_closed(self, reason: str) -> None: ...


RecordRequest = channel.RecordStart | channel.RecordStop | channel.RecordUndo | channel.SaveLast


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where requests go.  `kernel` is False when its door is full; `record`, `reset_scene` and `paint_scene` raise `Refused`.

    `record(person id, person name, request)`, `reset_scene(seed)` and `paint_scene(colours by name)` return when it is done.
    """

    kernel: Callable[[msgspec.Struct], bool]
    media: Callable[[msgspec.Struct], bool]
    record: Callable[[str, str, RecordRequest], Coroutine[Any, Any, None]]
    reset_scene: Callable[[int | None], Coroutine[Any, Any, None]]
    paint_scene: Callable[[dict[str, str]], Coroutine[Any, Any, None]]
    ended: Callable[[robot_link.SessionEnded], None]


@dataclass(slots=True)
class Robot:
    """What all conversations know of the robot; the newest of each."""

    id: str
    embodiment_json: str
    status: door.Status | None = None
    state: RobotState | None = None
    frames: dict[str, FrameTable] = field(default_factory=dict)
    stages: dict[str, channel.Stages] = field(default_factory=dict)
