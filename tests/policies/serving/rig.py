"""Questions as robots ask them, policies that misbehave, and a server of its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import redis
from django.conf import settings

from fleet.models import new_id
from policies.serving.places import Places
from policies.serving.question import ASK, MOST_WAITING, Answer, Question, decode_answer, encode
from protocol import inference
from protocol.embodiment import Embodiment
from protocol.inference import Chunk, Observed, Trouble
from protocol.policy import Decision, Observation
from tests.robot.recorder.rig import SMALL

ROOT = Path(__file__).resolve().parents[3]
POLICY = "a" * 32
PLACES = Places("reins-test")


def jpeg(width: int = 32, height: int = 24) -> bytes:
    picture = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", picture)[1])


def observed(n: int = 1, body: Embodiment = SMALL, **fields: Any) -> Observed:
    state = np.zeros(len(body.state), "<f4").tobytes()
    pictures = {camera.name: jpeg() for camera in body.cameras}
    about = {"run": new_id(), "policy": POLICY, "step": n, "captured_ns": 5, "instruction": "reach for the red cube"}
    return Observed(**{"n": n, "state": state, "pictures": pictures, **about, **fields})


def question(robot: str = "one", body: Embodiment = SMALL, policy: str = POLICY, **fields: Any) -> Question:
    message = observed(body=body, **{"policy": policy, **fields})
    return Question(policy, robot, f"{robot}'s socket", time.time(), msgspec.json.encode(body), inference.encode(message))


def heard(answer: Answer) -> Chunk | Trouble:
    message: Chunk | Trouble = inference.decode(answer.message, inference.ToPilot)
    return message


def decision(body: Embodiment = SMALL, **fields: Any) -> Decision:
    actions = np.zeros((4, len(body.action)), np.float32)
    return Decision(**{"actions": actions, "dt_s": 0.1, "features": np.zeros(3, np.float32), **fields})


class Acting:
    """A policy that does what a function says with each observation; `asked` are the sizes of its batches."""

    def __init__(self, act: Callable[[Observation], Any]) -> None:
        self._act = act
        self.asked: list[int] = []

    def act(self, batch: list[Observation]) -> list[Decision]:
        self.asked.append(len(batch))
        return [self._act(one) for one in batch]


def client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def leave(one: Question, most: int = MOST_WAITING, life_ms: int = 1000) -> bool:
    """As a robot's socket leaves it; False when too many wait."""
    keys = [PLACES.question(one.robot), PLACES.wake(one.policy), PLACES.asks(one.policy), PLACES.wanted()]
    return bool(client().eval(ASK, 4, *keys, encode(one), life_ms, one.robot, one.policy, time.time(), most))


class Server:
    """A child that serves a folder, as a worker's job starts it."""

    def __init__(self, folder: Path, name: str = "s1", policy: str = POLICY, *more: str) -> None:
        argv = ["--policy", policy, "--folder", str(folder), "--server", name, "--worker", name, "--prefix", PLACES.prefix, *more]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "REINS_SERVING_REDIS": settings.REDIS_URL}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "policies.serving.child", *argv], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )

    def says(self, word: str) -> dict[str, Any]:
        """The next line with this word in it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if word in said:
                return said
        raise AssertionError(f"it ended without a word of {word}")

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Ear:
    """Hears every answer."""

    def __init__(self) -> None:
        self._pubsub = client().pubsub(ignore_subscribe_messages=True)
        self._pubsub.psubscribe(PLACES.answers("*"))
        self._pubsub.get_message(timeout=1)

    def next(self, within_s: float = 10.0) -> tuple[str, Chunk | Trouble]:
        """(robot, message)"""
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            found = self._pubsub.get_message(timeout=0.5)
            if found is not None:
                return found["channel"].decode().rpartition(":")[2], heard(decode_answer(found["data"]))
        raise AssertionError(f"no answer within {within_s} s")

    def close(self) -> None:
        self._pubsub.close()
