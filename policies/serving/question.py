"""A robot's question as it waits in Redis, and the script that leaves it there."""

from __future__ import annotations

import msgspec

from protocol.errors import Refused

MOST_WAITING = 256  # robots that may wait for one policy at once
ASKS_KEPT_S = 300

#: Leaves the newest observation of one robot and puts the robot on the list of those that wait, unless it is on it.
#: KEYS question, wake, asks, wanted; ARGV question, its life in ms, robot, policy, now in s, most that may wait.
#: 1, or 0 when too many wait already.
ASK = f"""
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
redis.call('EXPIRE', KEYS[3], {ASKS_KEPT_S})
redis.call('ZADD', KEYS[4], ARGV[5], ARGV[4])
redis.call('EXPIRE', KEYS[4], {ASKS_KEPT_S})
if not redis.call('LPOS', KEYS[2], ARGV[3]) then
  if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[6]) then
    return 0
  end
  redis.call('RPUSH', KEYS[2], ARGV[3])
end
redis.call('EXPIRE', KEYS[2], 10)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class Question(msgspec.Struct, frozen=True, array_like=True):
    """`asker` names the connection that wants the answer, `body` is the robot's Embodiment as JSON, `observed` the message as
    it came; `arrived_s` is UTC."""

    policy: str
    robot: str
    asker: str
    arrived_s: float
    body: bytes
    observed: bytes


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """`message` is an encoded Chunk or Trouble for the question `n` of connection `asker`."""

    asker: str
    n: int
    message: bytes


def encode(one: Question | Answer) -> bytes:
    return msgspec.msgpack.encode(one)


def decode_question(raw: bytes) -> Question:
    """`Refused("question_damaged")` for what another version of this program has left."""
    try:
        return msgspec.msgpack.decode(raw, type=Question)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("question_damaged", f"A question cannot be read: {error}.") from error


def decode_answer(raw: bytes) -> Answer:
    """`Refused("answer_damaged")` as above."""
    try:
        return msgspec.msgpack.decode(raw, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("answer_damaged", f"An answer cannot be read: {error}.") from error
