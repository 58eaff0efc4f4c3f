"""A server that gets further says so in time, however slow what it waits for is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
import redis

from policies import watching
from policies.learning.zoo.openpi.client import OpenpiPolicy
from policies.learning.zoo.openpi.config import OpenpiConfig
from policies.serving import child
from policies.serving.child import Remote, Serving
from policies.serving.health import Tally
from policies.serving.question import Question
from protocol.policy import Decision, Observation
from tests.policies.serving.rig import question


class Machine:
    """Its clock, a Redis that accepts and is silent for as long as one waits for it, and what the server's parent hears."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, waits_s: float = 3.0) -> None:
        self.now_s, self.waits_s, self.heard_s, self.dropped = 0.0, waits_s, [0.0], 0
        time = SimpleNamespace(monotonic=lambda: self.now_s, time=lambda: self.now_s, sleep=self.sleep)
        monkeypatch.setattr(child, "time", time)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def pipeline(self, **_: Any) -> NoReturn:
        self.now_s += self.waits_s
        raise redis.exceptions.TimeoutError("silent")

    def take(self, within_s: float) -> list[Question]:
        self.pipeline()

    def write(self, line: str) -> None:
        assert json.loads(line) == {"alive": True}
        self.heard_s.append(self.now_s)

    def flush(self) -> None: ...

    def serving(self, policy: Any) -> Serving:
        us = cast(Any, self)
        return Serving(us, us, policy, None, Tally("s", "w", 0.0), "health", us)

    def silent_s(self) -> float:
        """The longest that nothing was heard."""
        return max(after - before for before, after in zip(self.heard_s, [*self.heard_s[1:], self.now_s], strict=True))


def test_a_silent_redis_lets_no_server_seem_to_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    serving = machine.serving(None)

    def sleep(seconds: float) -> None:
        machine.now_s += seconds
        if machine.now_s > 60:
            serving._end()

    monkeypatch.setattr(child.time, "sleep", sleep)
    serving.run()
    assert machine.silent_s() < watching.HUNG_S


class Slow:
    """Thinks for three seconds whoever asks, and refuses a whole batch for one bad picture."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self.passes = machine, 0

    def act(self, batch: list[Observation]) -> list[Decision]:
        self._machine.now_s += 3.0
        self.passes += 1
        raise ValueError("a bad picture")


def test_a_batch_that_is_thought_about_in_parts_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    policy = Slow(machine)
    serving = machine.serving(policy)
    monkeypatch.setattr(machine, "take", lambda within_s: [question(robot) for robot in "abcdefgh"])
    with pytest.raises(AttributeError):  # it has nobody to give its answers to
        serving._batch()
    assert policy.passes == 15
    assert machine.silent_s() < watching.HUNG_S


def test_who_thinks_elsewhere_says_how_long_that_may_take() -> None:
    policy = OpenpiPolicy(OpenpiConfig(address="ws://gpu:8000", step_s=0.1, bodies=(), patience_s=30.0))
    assert isinstance(policy, Remote)
    assert policy.longest_s(8) >= 8 * 30.0
