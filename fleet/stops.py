"""A remote stop of one or many robots, told truthfully: asked, acknowledged by the robot, or not reached.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.live import Seen

UNREACHABLE_S = 3.0  # online, but no word: said after this long; a later word still counts
REPEAT_S = 0.1
GIVE_UP_S = 30.0
Reach = Literal["asked", "acknowledged", "unreachable"]


@dataclass(frozen=True)
class StopAsked:
    """When and by whom; `source` is what the robot latches."""

    source: str
    at_s: float

    def reach(self, seen: Seen, now_s: float) -> Reach:
        """Acknowledged only by the robot's own word after the asking."""
        latched = seen.state is not None and self.source in seen.state.stops and seen.at_s > self.at_s
        if latched or seen.stop_acks.get(self.source, float("-inf")) > self.at_s:
            return "acknowledged"
        if not seen.online(now_s) or now_s - self.at_s > UNREACHABLE_S:
            return "unreachable"
        return "asked"
