"""The process that serves one policy: `python -m policies.serving.child --policy ID --folder PATH ...`.  No Django.

It tells whoever started it how it is, one JSON object a line on standard output: `{"ready": true, "batch_s": ..., "longest_s":
...}` once, with how long it thinks about a whole batch and how long it may have to wait for one that is thought about elsewhere,
`{"alive": true}` at most twice a second whenever it gets further, if only to an error of Redis, or `{"code": ..., "sentence":
...}` and then its end.  It dies with the thread that started it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO, runtime_checkable

import msgspec
import redis

from policies.learning.folder import calibration_in
from policies.learning.zoo.registry import open_kind
from policies.serving.answering import CalibratedGauge, Gauge, answer
from policies.serving.batching import Rules
from policies.serving.health import Tally
from policies.serving.places import Places
from policies.serving.taking import Desk
from protocol.errors import Refused
from protocol.policy import Decision, Observation, Policy

log = logging.getLogger(__name__)
REFUSED = 3  # exit code: what was said on standard output is why
LOOK_S = 0.25  # of waiting for a question, then it looks about
ALIVE_S = 0.5
RETRY_S = 0.2
_PR_SET_PDEATHSIG = 1


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    _die_with(options.parent)
    words = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no word of ours
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        policy, gauge, batch_s = _open(Path(options.folder), options)
    except Refused as refusal:
        _say(words, code=refusal.code, sentence=refusal.sentence)
        return REFUSED
    client = redis.Redis.from_url(os.environ["REINS_SERVING_REDIS"], socket_timeout=2, socket_connect_timeout=1)
    places = Places(options.prefix)
    desk = Desk(client, places, options.policy, Rules(options.most, options.wait_ms / 1000))
    _say(words, ready=True, batch_s=batch_s, longest_s=policy.longest_s(options.most) if isinstance(policy, Remote) else 0.0)
    tally = Tally(options.server, options.worker, time.time())
    Serving(client, desk, policy, gauge, tally, places.health(options.policy), words).run()
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("policy", "folder", "server", "worker", "prefix"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--calibration", default=None, help="its sha256 as it was brought in; empty: it has none")
    parser.add_argument("--parent", type=int, default=0, help="its pid: without it there is nobody to serve for")
    parser.add_argument("--most", type=int, default=8, help="robots in a batch")
    parser.add_argument("--wait-ms", type=float, default=10.0, help="that the first of a batch waits for company")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    return parser.parse_args(argv)


def _open(folder: Path, options: argparse.Namespace) -> tuple[Policy, Gauge | None, float]:
    """The policy, used once so that the first robot need not wait, and the seconds of a whole batch.  Refused: `torch_missing`,
    `gpu_absent`, `calibration_damaged`, as `open_kind`."""
    try:
        policy = open_kind(folder)
    except ImportError as error:
        sentence = "PyTorch is not installed where this worker runs. Install requirements-learning.txt there."
        raise Refused("torch_missing", sentence) from error
    calibration = calibration_in(folder, options.calibration)
    gauge = CalibratedGauge(calibration) if calibration is not None else None
    batch_s = 0.0
    if "torch" in sys.modules:
        from policies.serving.warming import settle, warm

        settle(policy, options.device, options.threads)
        batch_s = warm(policy, options.most)
    return policy, gauge, batch_s


@runtime_checkable
class Remote(Protocol):
    """A policy that thinks elsewhere and knows how long it waits for a batch of so many before it gives up, seconds."""

    def longest_s(self, batch: int) -> float: ...


class Telling:
    """A policy before whose every thought we say that we live: a batch with something bad in it is thought about in parts."""

    def __init__(self, policy: Policy, alive: Callable[[], None]) -> None:
        self._policy, self._alive = policy, alive

    def act(self, batch: list[Observation]) -> list[Decision]:
        self._alive()
        return self._policy.act(batch)


class Serving:
    """The loop.  A signal ends it after the batch at hand."""

    def __init__(
        self,
        client: redis.Redis,
        desk: Desk,
        policy: Policy,
        gauge: Gauge | None,
        tally: Tally,
        health: str,
        words: TextIO,
    ) -> None:
        self._client, self._desk, self._gauge, self._tally = client, desk, gauge, tally
        self._policy = Telling(policy, self._alive)
        self._health, self._words = health, words  # a key in Redis, and what our parent hears
        self._ending = False
        self._told_s = self._alive_s = float("-inf")

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._end)
        while not self._ending:
            self._tell()
            try:
                self._batch()
            except (redis.exceptions.RedisError, OSError) as error:
                self._alive()
                log.warning("waiting for Redis (%s)", error)
                time.sleep(RETRY_S)

    def _batch(self) -> None:
        batch = self._desk.take(LOOK_S)
        if not batch:
            return
        answers = answer(batch, self._policy, self._gauge, self._tally.worker)
        self._desk.give(answers.said)
        arrived = {question.robot: question.arrived_s for question in batch}
        self._tally.note(arrived, answers.answered, answers.thought_ms, time.time())

    def _alive(self) -> None:
        """To our parent, which hears nothing from a policy that hangs."""
        if (now_s := time.monotonic()) - self._alive_s >= ALIVE_S:
            self._alive_s = now_s
            _say(self._words, alive=True)

    def _tell(self) -> None:
        """To everybody, twice a second."""
        self._alive()
        now_s = time.monotonic()
        if now_s - self._told_s < ALIVE_S:
            return
        self._told_s = now_s
        raw = msgspec.msgpack.encode(self._tally.health(time.time(), self._desk.dropped))
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.hset(self._health, self._tally.server, raw)
                pipe.expire(self._health, 60)
                pipe.execute()
        except (redis.exceptions.RedisError, OSError) as error:
            self._alive()
            log.warning("waiting for Redis (%s)", error)

    def _end(self, *_: object) -> None:
        self._ending = True


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:
        os._exit(1)


def _say(words: TextIO, **what: Any) -> None:
    words.write(json.dumps(what) + "\n")
    words.flush()


if __name__ == "__main__":
    sys.exit(main())
