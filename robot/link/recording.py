"""The link's side of the recorder's door: requests that are answered, and what the recorder tells by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from protocol import channel
from protocol.errors import Refused
from robot.door import Door
from robot.kernel.door import DoorMessage
from robot.link.outlets import RecordRequest
from robot.recorder import door

ANSWER_S = 5.0


class RecorderLink:
    """`told` gets what is no answer: Report, NeedToken, Happened."""

    def __init__(self, end: Door, told: Callable[[door.FromRecorder], None]) -> None:
        self._end, self._told = end, told
        self._asked: dict[str, asyncio.Future[door.Answer]] = {}
        self._count = 0

    def read(self) -> None:
        """The door has something.  Raises Refused("door_message_invalid")."""
        for packet in self._end.packets(64):
            message = door.decode_from_recorder(packet)
            if not isinstance(message, door.Answer):
                self._told(message)
            elif (waiting := self._asked.get(message.id)) is not None and not waiting.done():
                waiting.set_result(message)

    def tell(self, message: DoorMessage) -> bool:
        return self._end.send(message)

    async def record(self, person: str, name: str, request: RecordRequest) -> None:
        """Returns when the recorder has done it; raises its refusal, or Refused("recorder_away")."""
        self._count += 1
        id = f"record:{self._count}"
        self._asked[id] = answered = asyncio.get_running_loop().create_future()
        try:
            if not self._end.send(_asked(id, person, name, request)):
                raise _away()
            async with asyncio.timeout(ANSWER_S):
                answer = await answered
        except TimeoutError as error:
            raise _away() from error
        finally:
            del self._asked[id]
        if answer.code:
            raise Refused(answer.code, answer.sentence, **answer.detail)


def _asked(id: str, person: str, name: str, request: RecordRequest) -> door.ToRecorder:
    match request:
        case channel.RecordStart():
            return door.Start(
                id=id,
                instruction=request.instruction,
                campaign=request.campaign,
                prompt=request.prompt,
                person=person,
                name=name,
            )
        case channel.RecordStop():
            return door.Stop(id=id, outcome=request.outcome, discard=request.discard, person=person, name=name)
        case channel.RecordUndo():
            return door.Undo(id=id, person=person, name=name)
        case channel.SaveLast():
            return door.SaveLast(id=id, seconds=request.seconds, instruction=request.instruction, person=person, name=name)


def _away() -> Refused:
    return Refused("recorder_away", "The robot's recorder does not answer. Look at the recording state, then try again.")
