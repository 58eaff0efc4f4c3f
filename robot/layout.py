"""How the robot's processes find each other: the run folder, the files shared in it, the doors each was given.

Every child is started as `python -m MODULE RUN_DIR [--epoch N] [--door NAME=FD]...`.  Names
only; the launcher makes them.
"""

from __future__ import annotations

import argparse
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from protocol.errors import Refused
from robot.bodies.body import BodySpec
from robot.bodies.registry import body_spec

# Doors: (one side, other side).  Each side's process knows its end by the other side's name.
DOOR_PAIRS = (
    ("kernel", "link"),
    ("kernel", "pilot"),
    ("kernel", "launcher"),
    ("media", "link"),
    ("media", "recorder"),
    ("recorder", "link"),
    ("link", "pilot"),
    ("media", "pilot"),
    ("recorder", "pilot"),
)
FRAME_SLOTS = 8
ROW_SLOTS, ROW_BYTES = 1024, 4096  # 20 s of control ticks
EVENT_SLOTS, EVENT_BYTES = 1024, 4096
STATUS_BYTES = 16384


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`setup.json` in the run folder: what every process of this robot may need to know."""

    robot: str  # id the server gave at enrolment
    name: str
    server: str  # http(s)://host[:port]
    server_key: str  # base64 raw Ed25519, pinned at enrolment
    program: str  # version of the robot program
    state_dir: str
    body: str
    body_config: dict[str, Any] = {}
    recorder: dict[str, Any] = {}
    media: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """What one process was given.  `doors` maps the neighbour's name to our end; `epoch` is 0 but for the kernel."""

    run_dir: Path
    setup: Setup
    doors: dict[str, socket.socket]
    epoch: int = 0

    @property
    def state_dir(self) -> Path:
        return Path(self.setup.state_dir)

    @property
    def status(self) -> Path:
        """Mailbox of `robot.kernel.door.Status`, written every tick."""
        return self.run_dir / "status"

    @property
    def rows(self) -> Path:
        """Ring of `protocol.row.Row`, one per tick."""
        return self.run_dir / "rows"

    @property
    def events(self) -> Path:
        """Ring of `robot.kernel.door.Event`."""
        return self.run_dir / "events"

    def frames(self, camera: str) -> Path:
        """Frame ring of one camera."""
        return self.run_dir / f"frames-{camera}"

    @property
    def latch(self) -> Path:
        """Latched stop sources; outlives the run folder."""
        return self.state_dir / "latch"

    def spec(self) -> BodySpec:
        return body_spec(self.setup.body, self.setup.body_config, self.run_dir)


def load_setup(run_dir: Path) -> Setup:
    """`Refused("setup_unreadable")` when the run folder is not one."""
    try:
        return msgspec.json.decode((run_dir / "setup.json").read_bytes(), type=Setup)
    except (OSError, msgspec.DecodeError) as error:
        raise Refused("setup_unreadable", f"{run_dir} is no run folder of a robot: {error}.") from error


def open_place(argv: Sequence[str]) -> Place:
    """From a child's arguments (without the program's name)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--epoch", type=int, default=0)
    parser.add_argument("--door", action="append", default=[], metavar="NAME=FD")
    given = parser.parse_args(argv)
    doors = {}
    for text in given.door:
        name, _, fd = text.partition("=")
        doors[name] = socket.socket(fileno=int(fd))
        doors[name].setblocking(False)
    return Place(given.run_dir, load_setup(given.run_dir), doors, given.epoch)
