"""How a server takes questions from Redis and gives answers back.  Several servers of one policy may do so at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import redis

from policies.serving.batching import Gathering, Rules
from policies.serving.places import Places
from policies.serving.question import Answer, Question, decode_question, encode
from protocol.errors import Refused

ASKING_S = 2.0  # who has asked within this time may ask again soon
STEP_S = 0.002  # between two looks for company


class Desk:
    """Questions to one policy.  `dropped` counts robots that had waited but whose question was gone or unreadable."""

    def __init__(self, client: redis.Redis, places: Places, policy: str, rules: Rules) -> None:
        self._client, self._places, self._policy, self.rules = client, places, policy, rules
        self._asking, self._counted_s = 0, float("-inf")
        self.dropped = 0

    def take(
        self, within_s: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> list[Question]:
        """The next batch, the newest question of each robot in it; empty when nobody asks `within_s`."""
        gathering = Gathering(self.rules)
        gathering.add(self._first(within_s), clock())
        if not gathering.robots:
            return []
        asking = self._count(clock())
        while not gathering.closed(clock(), asking):
            sleep(STEP_S)
            gathering.add(self._more(gathering.room()), clock())
        return self._questions(gathering.robots)

    def give(self, said: Sequence[tuple[str, Answer]]) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for robot, answer in said:
                pipe.publish(self._places.answers(robot), encode(answer))
            pipe.execute()

    def _first(self, within_s: float) -> list[str]:
        found: Any = self._client.blmpop(within_s, 1, self._places.wake(self._policy), direction="LEFT", count=self.rules.most)
        return [robot.decode() for robot in found[1]] if found else []

    def _more(self, most: int) -> list[str]:
        found: Any = self._client.lmpop(1, self._places.wake(self._policy), direction="LEFT", count=most)
        return [robot.decode() for robot in found[1]] if found else []

    def _count(self, now_s: float) -> int:
        """Robots that are asking now, counted anew twice a second."""
        if now_s - self._counted_s > 0.5:
            after_s = time.time() - ASKING_S
            self._asking = int(self._client.zcount(self._places.asks(self._policy), after_s, "+inf"))
            self._counted_s = now_s
        return self._asking

    def _questions(self, robots: list[str]) -> list[Question]:
        with self._client.pipeline(transaction=False) as pipe:
            for robot in robots:
                pipe.getdel(self._places.question(robot))
            raws = pipe.execute()
        found = [question for raw in raws if raw is not None and (question := self._readable(raw)) is not None]
        self.dropped += len(robots) - len(found)
        return found

    def _readable(self, raw: bytes) -> Question | None:
        try:
            question = decode_question(raw)
        except Refused:
            return None
        return question if question.policy == self._policy else None
