"""The pilot's end of the kernel's door: lease, heartbeats, commands.  What may move is the kernel's decision."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from protocol import command as wire
from protocol.command import Command
from protocol.embodiment import Axis
from protocol.permit import Signed
from robot.kernel import door
from robot.kernel.values import FLOAT32_TINY

REST_S = 0.4  # a command to stand still is good for so long
_asks = itertools.count(1)  # of all runs of this process: a late answer to one is not taken for an answer to the next


class Hands:
    """`lease` is (epoch, seq) as the kernel granted it, until somebody says that it is over."""

    def __init__(self, send: Callable[[msgspec.Struct], bool], axes: Sequence[Axis]) -> None:
        self._send, self._axes = send, axes
        self._asked = ""
        self._numbers: Iterator[int] = itertools.count()
        self.lease: tuple[int, int] | None = None
        self.granted_s = self.asked_s = 0.0

    @property
    def asking(self) -> bool:
        """Whether an acquire is under way."""
        return bool(self._asked)

    def acquire(self, permit: Signed, now_s: float) -> None:
        self._asked, self.asked_s = f"pilot:{next(_asks)}", now_s
        self._send(door.Acquire(id=self._asked, permit=permit))

    def answered(self, answer: door.Answer, now_s: float) -> bool:
        """Whether it answers the last acquire; then the lease is ours unless it has a code."""
        if not self._asked or answer.id != self._asked:
            return False
        self._asked = ""
        if not answer.code:
            self.lease, self.granted_s = (answer.epoch, answer.seq), now_s
            self._numbers = itertools.count()
        return True

    def drop(self) -> None:
        """The lease is over, whoever ended it."""
        self.lease, self._asked = None, ""

    def release(self) -> None:
        if self.lease is not None:
            epoch, seq = self.lease
            self._send(door.Release(epoch=epoch, seq=seq))
        self.drop()

    def beat(self, now_s: float, seen_s: float | None) -> None:
        """`seen_s`: when the picture was captured that the policy could see now."""
        self._tell(wire.HEARTBEAT, (), now_s, seen_s)

    def rest(self, targets: Sequence[float], now_s: float, seen_s: float | None) -> None:
        """Stand still: rates zero, targets such as a gripper as they are in `targets` float[A]."""
        values = tuple(0.0 if axis.is_rate else float(value) for axis, value in zip(self._axes, targets, strict=True))
        self._tell(wire.COMMAND, values, now_s, seen_s, dies_s=now_s + REST_S, pilot="hold")

    def move(self, values: Sequence[float], now_s: float, seen_s: float | None, dies_s: float, chunk: int, doubt: float) -> None:
        """An action float[A] of a chunk that dies at `dies_s`."""
        told = None if math.isnan(doubt) else doubt
        plain = tuple(0.0 if abs(value) < FLOAT32_TINY else float(value) for value in values)
        self._tell(wire.COMMAND, plain, now_s, seen_s, dies_s, chunk, told, "policy")

    def _tell(
        self, kind: int, values: tuple[float, ...], now_s: float, seen_s: float | None, dies_s: float | None = None,
        chunk: int = -1, doubt: float | None = None, pilot: Literal["policy", "hold"] = "policy",
    ) -> None:  # fmt: skip
        if self.lease is None:
            return
        epoch, seq = self.lease
        raw = wire.pack(Command(kind, wire.DEADMAN, epoch, seq, next(self._numbers), int(now_s * 1e6), wire.NO_FRAME, values))
        self._send(
            door.Command(
                raw=raw, seen_capture_mono_s=seen_s, dies_mono_s=dies_s, chunk=chunk, uncertainty=doubt, pilot=pilot
            )
        )  # fmt: skip
