"""Where a robot's pilot asks a policy that runs on the server: log-in as on every robot's socket, then binary questions.

The newest question of a robot is left in Redis for whichever server takes it; its answer comes back on the same socket.
Close reasons: revoked, held, replaced.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque

import msgspec
import redis.exceptions
from django.db import Error

from fleet import relay, robots
from fleet.models import Robot
from fleet.robot_login import KeySocket
from policies.answers import answers
from policies.known import Known, find, served
from policies.serving import recent
from policies.serving.question import ASK, MOST_WAITING, Answer, Question, encode
from protocol import inference, robot_link
from protocol.errors import Refused
from protocol.inference import OBSERVATION_TTL_S, Observed, Trouble

LOOK_S = 0.5  # how often a socket looks whether its robot may stay
NEW_S = 1.1  # a robot that has just been let in may be missing from what was read a second ago
WATCH_S = 0.1
MOST_PICTURES = 8


class InferSocket(KeySocket):
    messages = robot_link.Hello | robot_link.Proof
    per_s = 30.0  # questions; a policy is asked a few times a second

    async def connect(self) -> None:
        self._robot = self._embodiment = ""
        self._kind, self._asker = "", secrets.token_hex(8)
        self._organisation = 0
        self._since_s, self._shown = time.monotonic(), deque[float](maxlen=recent.MOST)  # when it was asked
        self._asked: tuple[int, float, Known] | None = None  # the newest question that has no answer yet, and since when
        await super().connect()

    async def hear(self, message: object) -> None:
        if self._robot:
            raise Refused("unexpected", "You are logged in already; questions are binary.")
        await self.log_in(message)

    async def welcome(self, row: Robot) -> None:
        if row.held_reason:
            raise Refused("held", "This robot is held until an administrator has looked.")
        assert self._body is not None
        self._robot, self._organisation = row.pk, row.site.organisation_id
        self._kind, self._embodiment = self._body.kind, msgspec.json.encode(self._body).decode()
        before = await answers.listen(self._robot, self)
        if isinstance(before, InferSocket):
            await before.close(code=4409, reason="replaced")
        await self.say_welcome(row.log_n)
        self.start(self._look_after())
        self.start(self._watch())

    # -- questions ----------------------------------------------------------------------------------

    async def hear_bytes(self, data: bytes) -> None:
        if not self._robot:
            await self.close(code=4400)
            return
        n = 0
        try:
            observed: Observed = inference.decode(data, Observed)
            n = observed.n
            await self._ask(observed, data)
        except Refused as refusal:
            await self._trouble(n, refusal)
        except (redis.exceptions.RedisError, OSError, Error):
            await self._trouble(n, _unavailable())

    async def _ask(self, observed: Observed, data: bytes) -> None:
        if len(observed.pictures) > MOST_PICTURES:
            raise Refused("policy_input", f"At most {MOST_PICTURES} pictures belong to one question.")
        policy = await find(observed.policy, self._organisation, self._kind)
        self._asked = observed.n, time.monotonic(), policy
        question = Question(policy.id, self._robot, self._asker, time.time(), self._embodiment.encode(), data)
        if not await leave(question, observed, self._kept(time.monotonic())):
            sentence = f"{MOST_WAITING} robots wait for {policy.shown} already. Ask again later, or start more workers."
            raise Refused("queue_full", sentence)
        await served.check(policy)

    def _kept(self, now_s: float) -> int:
        """How many of its robot's pictures stay: those of the last seconds, at first also what another connection has left."""
        self._shown.append(now_s)
        while now_s - self._shown[0] > recent.KEPT_S:
            self._shown.popleft()
        return len(self._shown) if now_s - self._since_s > recent.KEPT_S else recent.MOST

    async def answered(self, answer: Answer) -> None:
        """A chunk or a trouble from a server.  What was asked before the newest question is passed on too: it is newer than
        what the robot has."""
        if answer.asker != self._asker:
            return
        if self._asked is not None and answer.n >= self._asked[0]:
            self._asked = None
        await self.send(bytes_data=answer.message)

    async def _trouble(self, n: int, refusal: Refused) -> None:
        if self._asked is not None and n >= self._asked[0]:
            self._asked = None
        message = Trouble(n=n, code=refusal.code, sentence=refusal.sentence, detail=dict(refusal.detail))
        await self.send(bytes_data=inference.encode(message))

    # -- while connected ------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Says so when the newest question has waited for as long as it is kept."""
        while True:
            await asyncio.sleep(WATCH_S)
            if self._asked is None or time.monotonic() - self._asked[1] < OBSERVATION_TTL_S:
                continue
            n, _, policy = self._asked
            try:
                await served.check(policy)
                sentence = f"{policy.shown} has not answered within {OBSERVATION_TTL_S:g} s: its servers are slow or have others"
                await self._trouble(n, Refused("slow", f"{sentence} to answer. Start more workers if that stays so."))
            except Refused as refusal:
                await self._trouble(n, refusal)
            except (redis.exceptions.RedisError, OSError, Error):
                await self._trouble(n, _unavailable())

    async def _look_after(self) -> None:
        """Twice a second: may it stay."""
        assert self._row is not None
        key, since_s = self._row.public_key, time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            row = (await robots.roster.get()).get(self._robot)
            if row is not None and row.held_reason:
                await self.close(code=4403, reason="held")
                return
            if (row is None or row.public_key != key) and time.monotonic() - since_s > NEW_S:
                await self.close(code=4403, reason="revoked")
                return

    async def ended(self, code: int) -> None:
        if self._robot:
            answers.leave(self._robot, self)


def _unavailable() -> Refused:
    return Refused("unavailable", "The server's database or Redis does not answer. Ask again in a moment.")


async def leave(question: Question, observed: Observed, kept: int = recent.MOST) -> bool:
    """Leaves a question, and its pictures for whoever is asked for help, the newest `kept` of them; False when too many robots
    wait."""
    at, robot, policy = recent.places(), question.robot, question.policy
    keys = [at.question(robot), at.wake(policy), at.asks(policy), at.wanted()]
    life_ms = int(OBSERVATION_TTL_S * 1000)
    async with relay.client().pipeline(transaction=False) as pipe:
        pipe.eval(ASK, len(keys), *keys, encode(question), life_ms, robot, policy, time.time(), MOST_WAITING)
        pipe.rpush(at.recent(robot), recent.encode(observed.captured_ns, observed.pictures))
        pipe.ltrim(at.recent(robot), -kept, -1)
        pipe.expire(at.recent(robot), recent.LIFE_S)
        left, *_ = await pipe.execute()
    return bool(left)
