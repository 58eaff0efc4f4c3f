"""One subscriber gives all sockets of a process their answers."""

from __future__ import annotations

import asyncio

from policies.answers import Answers
from policies.serving.question import Answer, encode
from tests.policies.serving.rig import PLACES, client


class Ear:
    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.heard = asyncio.Event()

    async def answered(self, answer: Answer) -> None:
        if self.broken:
            raise RuntimeError("The socket is closed.")
        self.heard.set()


async def test_a_socket_that_breaks_takes_no_answers_from_the_others() -> None:
    answers, ear = Answers(), Ear()
    try:
        await answers.listen("one", Ear(broken=True))
        await answers.listen("two", ear)
        raw = encode(Answer("a", 1, b""))
        for robot in ("one", "two"):
            await asyncio.to_thread(client().publish, PLACES.answers(robot), raw)
        await asyncio.wait_for(ear.heard.wait(), 3.0)
    finally:
        await answers.end()
