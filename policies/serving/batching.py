"""When a batch is closed.  Pure: time is passed in, robots are names."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rules:
    """At most `most` robots in a batch; the first of them waits for company for at most `wait_s`."""

    most: int = 8
    wait_s: float = 0.01


@dataclass(slots=True)
class Gathering:
    """The robots of one batch while it comes together, each once."""

    rules: Rules
    robots: list[str] = field(default_factory=list)
    began_s: float = 0.0

    def add(self, robots: list[str], now_s: float) -> None:
        if not self.robots:
            self.began_s = now_s
        self.robots += [robot for robot in dict.fromkeys(robots) if robot not in self.robots]

    def room(self) -> int:
        return self.rules.most - len(self.robots)

    def closed(self, now_s: float, asking: int) -> bool:
        """It is full, all robots that are asking now are in it, or the first has waited long enough."""
        if not self.robots:
            return False
        return len(self.robots) >= min(self.rules.most, asking) or now_s - self.began_s >= self.rules.wait_s
