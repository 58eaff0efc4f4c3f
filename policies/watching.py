"""Runs the process of one PolicyServer row and watches it, until nobody needs it here any more."""

from __future__ import annotations

import json
import logging
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import redis
from django.conf import settings
from django.db import Error, close_old_connections
from django.utils import timezone

from policies.models import PolicyServer, PolicyVersion
from policies.services import serving
from policies.serving.recent import places

log = logging.getLogger(__name__)
BEAT_S = 1.0
LOOK_S = 2.0  # between two looks at who asks
LIFE_S = 1800.0  # then it ends at the next pause of those who ask, and is queued again
PAUSE_S, LATELY_S = 2.0, 10.0
LONGEST_S = LIFE_S + 300.0  # then without a pause
HUNG_S, BATCHES = 4.0, 3.0  # without a word from its process, or for as long as it thinks about so many whole batches
LATE_S = 1.0  # of a turn count as silence: where this process itself was kept waiting for longer, so was the other
LOADING_S = 180.0  # the same before it is ready
MOST_DEATHS = 5  # of its process within a minute
leaving = Event()  # set when this worker is told to end


@dataclass(frozen=True)
class End:
    """How the row is left; `state` empty: somebody else has it."""

    state: str
    code: str = ""
    sentence: str = ""


@dataclass
class Watch:
    """One claim of a row."""

    server: PolicyServer
    fence: int
    clock: Callable[[], float] = time.monotonic
    process: subprocess.Popen[bytes] | None = None
    began_s: float = 0.0
    silent_s: float = 0.0  # since the process last spoke
    ready: bool = False
    batch_s: float = 0.0  # what it said that a whole batch takes
    longest_s: float = 0.0  # or that it may have to wait for one
    refused: End | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_DEATHS))
    died: int = 0
    needed_s: float = 0.0  # when robots last asked for as many servers
    _beaten_s: float = float("-inf")
    _looked_s: float = 0.0
    _turned_s: float = 0.0
    _rest: bytes = b""

    def run(self) -> End:
        """Until it ends; the row says how."""
        self.begin()
        try:
            while (end := self.turn()) is None:
                pass
        finally:
            self.stop()
        if end.state:
            self.server.end(self.fence, end.state, problem=end.sentence[:500], problem_code=end.code, ready_at=None)
        return end

    def begin(self) -> None:
        self.began_s = self.needed_s = self._looked_s = self._turned_s = self.clock()
        self._beat(began_at=timezone.now())
        self._start()

    def turn(self) -> End | None:
        """A quarter of a second of it."""
        self.silent_s += min(self.clock() - self._turned_s, LATE_S)
        self._turned_s = self.clock()
        self._listen(0.25)
        now_s = self.clock()
        if leaving.is_set():
            return End("queued")
        if self.refused is not None:
            return self.refused
        assert self.process is not None
        longest_s = max(HUNG_S, BATCHES * self.batch_s, self.longest_s) if self.ready else LOADING_S
        if self.process.poll() is None and self.silent_s > longest_s:
            log.error("server %s says nothing for %.0f s and is begun again", self.server.pk, self.silent_s)
            self.process.kill()
            self.process.wait()
        if self.process.poll() is not None and (end := self._died(self.process.returncode)) is not None:
            return end
        if now_s - self._beaten_s >= BEAT_S and not self._beat():
            return End("cancelled" if self.server.cancelled_by else "")
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            return self._needed(now_s - self.began_s)
        return None

    # -- its process --------------------------------------------------------------------------------

    def _start(self) -> None:
        policy = self.server.policy
        command = [
            sys.executable, "-m", "policies.serving.child", "--policy", policy.pk, "--folder", str(policy.folder),
            "--server", self.server.pk, "--worker", self.server.owner, "--prefix", places().prefix,
            "--most", str(settings.REINS_SERVING_BATCH), "--wait-ms", str(settings.REINS_SERVING_WAIT_MS),
            "--threads", str(settings.REINS_SERVING_THREADS), "--device", settings.REINS_SERVING_DEVICE,
            "--parent", str(os.getpid()), "--calibration", policy.calibration.get("sha256", ""),
        ]  # fmt: skip
        kept = ("PATH", "LD_LIBRARY_PATH", "LANG", "CUDA_VISIBLE_DEVICES", "HOME", "REINS_POLICY_SERVERS")
        environment = {name: value for name, value in os.environ.items() if name in kept}
        environment |= {"REINS_SERVING_REDIS": settings.REDIS_URL, "OMP_NUM_THREADS": str(settings.REINS_SERVING_THREADS)}
        self.process = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self.silent_s, self.ready, self._rest = 0.0, False, b""

    def _listen(self, within_s: float) -> None:
        """Everything the process has said since the last time."""
        assert self.process is not None and self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(within_s):
                return
        piece = os.read(self.process.stdout.fileno(), 1 << 16)
        if not piece:  # it has closed its output: it ends, or is as good as ended
            self.process.kill()
            self.process.wait()
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, said: dict[str, Any]) -> None:
        self.silent_s = 0.0
        if said.get("ready"):
            self.ready, self.batch_s, self.longest_s = True, float(said["batch_s"]), float(said["longest_s"])
            self._beat(ready_at=timezone.now())
        if "code" in said:
            self.refused = End("failed", str(said["code"])[:60], str(said["sentence"]))

    def _died(self, code: int) -> End | None:
        """Begins it again at once; not for ever."""
        now_s = self.clock()
        self.deaths.append(now_s)
        self.died += 1
        log.error("the process of server %s ended (%s)", self.server.pk, code)
        if len(self.deaths) == MOST_DEATHS and now_s - self.deaths[0] < 60:
            sentence = f"The process that serves {self.server.policy.shown} died {MOST_DEATHS} times within a minute"
            return End("failed", "server_dies", f"{sentence} (exit code {code}). The worker's log says why.")
        self.stop()
        self._start()
        self._beat(ready_at=None, deaths=self.died)
        return None

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    # -- its row --------------------------------------------------------------------------------------

    def _beat(self, **progress: Any) -> bool:
        """False when the row is not ours any more.  While the database is away it serves on."""
        self._beaten_s = self.clock()
        try:
            close_old_connections()
            if self.server.beat(self.fence, **progress):
                return True
            self.server.refresh_from_db()
        except Error as error:
            log.warning("server %s: the database does not answer (%s)", self.server.pk, error)
            return True
        return False

    def _needed(self, lived_s: float) -> End | None:
        """Whether robots still ask, whether this many servers are needed, whether it has lived its time."""
        policy, now_s = self.server.policy_id, self.clock()
        try:
            of = serving.client()
            try:
                robots, now = serving.asking(of, policy, LATELY_S), serving.asking(of, policy, PAUSE_S)
            finally:
                of.close()
            usable = PolicyVersion.objects.usable().filter(pk=policy).exists()
        except (redis.exceptions.RedisError, OSError, Error) as error:
            log.warning("server %s serves on (%s)", self.server.pk, error)
            self.needed_s = now_s
            return None
        if robots and self.server.place < serving.places_for(robots):
            self.needed_s = now_s
        if not usable or now_s - self.needed_s > serving.IDLE_S:
            return End("done")
        if lived_s > LONGEST_S or (lived_s > LIFE_S and not now):
            return End("queued")
        return None
