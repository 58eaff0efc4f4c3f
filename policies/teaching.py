"""Has one Training row done by a process of its own, and watches it until it ends."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from episodes import storage
from episodes.models import DatasetVersion
from fleet import audit
from policies.code import code_version
from policies.learning.config import Config
from policies.models import Training
from policies.services import registry, trainings
from policies.watching import leaving
from protocol.errors import Refused

log = logging.getLogger(__name__)
BEAT_S = 1.0
MANNERS_S = 2.0  # between asking the process to end and ending it
LOCKED_S = 12.0  # for a process of before that is about to end
UNHEARD_S = 10.0  # without a database; later another worker may have it
MOST_DEATHS = 3  # one after the other without a step between them
REST_S = 2.0  # times so many deaths: what the machine is short of comes back in a while, or not
METRICS, CONFIG, MANIFEST = "metrics.jsonl", "config.json", "manifest.json"
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "HOME", "CUDA_VISIBLE_DEVICES", "TORCH_HOME", "NCCL_SOCKET_IFNAME")


class Ended(Exception):  # no error: somebody asked, somebody else has it, or this worker is leaving
    """The work must stop where it is."""


@dataclass
class Teaching:
    """One claim of a row."""

    training: Training
    fence: int
    clock: Callable[[], float] = time.monotonic
    failed: Refused | None = None
    done: bool = False
    deaths: int = 0
    _step: int = 0
    _beaten_s: float = float("-inf")
    _progress: dict[str, Any] = field(default_factory=dict)
    _unheard_s: float | None = None  # since when the database does not answer

    def run(self) -> None:
        """Until it ends; the row says how."""
        try:
            with alone(self.training.folder, self._beat) as lock:
                self._prepare()
                while not self.done:
                    self._tried(lock)
                self._take_in()
        except Ended:
            self._stopped()
        except Refused as refused:
            self._fail(refused)
        except (OperationalError, InterfaceError):
            raise  # the database does not answer: another worker tries again
        except Exception as error:
            if _full(error):
                self._fail(Refused("storage_full", "The disk became full while it learnt."))
                return
            log.exception("training %s ended by an error that nobody expected", self.training.pk)
            self._fail(Refused("trainer_crashed", f"The worker met an error that nobody expected: {type(error).__name__}."))

    # -- before -------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """What is refused here would be refused after hours otherwise."""
        trainings.check(self.training)
        folder = self.training.folder
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        self._beat(began_at=self.training.began_at or timezone.now(), doing="Fetching episodes")
        content = self.training.dataset_version.content()
        for one in content.episodes:
            link = data / one.id
            if not link.is_symlink():
                link.symlink_to(storage.folder(one.id))
            self._beat()
        (data / MANIFEST).write_bytes(content.encode())
        if (folder / CONFIG).exists():  # a training that goes on keeps what it began with
            self.training.resumed += 1
            self._beat(resumed=self.training.resumed)
        else:
            (folder / CONFIG).write_bytes(msgspec.json.encode(self._config()))
            self._beat(code_version=code_version())
        self.done = (folder / "policy").exists()  # whoever had it before was killed in the last moment

    def _config(self) -> Config:
        training, folder = self.training, self.training.folder
        version, base = training.dataset_version, training.base
        lineage = {
            "training": training.pk,
            "dataset": {
                "id": version.dataset_id,
                "name": version.dataset.name,
                "version": version.number,
                "digest": version.digest,
            },
            "base": {"id": base.pk, "shown": base.shown, "sha256": base.sha256} if base else None,
            "code": code_version(),
            "seed": training.seed,
        }
        raw = {name: value for name, value in training.config.items() if name != "recipe"}
        return msgspec.structs.replace(
            msgspec.convert(raw, Config),
            episodes=str(folder / "data" / MANIFEST),
            base=str(base.folder) if base else "",
            out=str(folder / "policy"),
            name=training.name,
            samples=str(folder / "samples"),
            lineage=lineage,
        )

    # -- its process --------------------------------------------------------------------------------

    def _tried(self, lock: int) -> None:
        """One process; an error of the machine that may pass (no process to be had, no open file, a disk that stumbles) counts
        as its death."""
        before = self._step
        try:
            self._once(lock)
        except OSError as error:
            if _full(error):
                raise
            log.warning("training %s meets an error of the machine", self.training.pk, exc_info=True)
            self._dead(f"{type(error).__name__}: {error.strerror or error}", before)
            self._rest()

    def _once(self, lock: int) -> None:
        """From its start to its end."""
        folder = self.training.folder
        command = [sys.executable, "-m", "policies.learning.child", str(settings.REINS_TRAIN_PROCESSES), str(folder / CONFIG)]
        environment = {name: value for name, value in os.environ.items() if name in _KEPT}
        environment["OMP_NUM_THREADS"] = str(self.training.config["learn"]["threads"])
        with open(folder / "errors.txt", "ab") as errors, open(folder / METRICS, "a") as metrics:
            process = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                pass_fds=(lock,), start_new_session=True,
            )  # fmt: skip
            before = self._step
            try:
                self._listen(process, metrics)
            finally:
                _end(process)
        if not self.done and self.failed is None:
            self._died(process.returncode, before)
        if self.failed is not None:
            raise self.failed

    def _listen(self, process: subprocess.Popen[bytes], metrics: IO[str]) -> None:
        assert process.stdout is not None
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                self._beat()
                if not selector.select(timeout=0.25):
                    continue
                piece = os.read(process.stdout.fileno(), 1 << 16)
                if not piece:
                    return
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if (said := _said(line)) is not None:
                        self._hear(said, metrics)

    def _hear(self, said: dict[str, Any], metrics: IO[str]) -> None:
        metrics.write(json.dumps({"at": round(time.time(), 2), **said}) + "\n")
        metrics.flush()
        event = said.get("event")
        if event == "reading":
            self._progress = {"doing": f"Reading {said['episodes']} episodes"}
        elif event == "began":
            about = {name: said[name] for name in ("host", "device", "device_name", "torch", "processes") if name in said}
            self._progress = {"doing": "Learning", "step": said["step"], "total": said["steps"], "machine": about}
        elif event == "step":
            self._step = said["step"]
            self._progress |= {"doing": "Learning", "step": said["step"]}
        elif event == "failed":
            self.failed = Refused(said["code"], said["sentence"])
        elif event == "done":
            self.done = True
            self._progress |= {"step": said["step"]}

    def _died(self, code: int, before: int) -> None:
        """Killed, or out of memory: it goes on from its last checkpoint, unless that happens again and again.  When the policy is
        there already, only its last word is missing."""
        if (self.training.folder / "policy").exists():
            self.done = True
            return
        self._dead(f"signal {-code}" if code < 0 else f"code {code}", before)

    def _dead(self, how: str, before: int) -> None:
        self.deaths = 1 if self._step > before else self.deaths + 1
        log.error("the process of training %s ended unexpectedly (%s)", self.training.pk, how)
        if self.deaths >= MOST_DEATHS:
            sentence = f"The process that trains ended unexpectedly {self.deaths} times ({how}) without getting further."
            raise Refused("trainer_crashed", sentence)
        self._progress |= {"resumed": self.training.resumed + 1, "doing": "Going on from the last checkpoint"}
        self.training.resumed += 1
        self._beat(now=True)

    def _rest(self) -> None:
        end_s = self.clock() + REST_S * self.deaths
        while self.clock() < end_s:
            self._beat()
            time.sleep(0.2)

    # -- the row ------------------------------------------------------------------------------------

    def _beat(self, now: bool = False, **progress: Any) -> None:
        """At most once each `BEAT_S`, unless there is something to say; `Ended` when it must not go on."""
        if leaving.is_set():
            raise Ended
        if not (now or progress) and self.clock() - self._beaten_s < BEAT_S:
            return
        self._beaten_s = self.clock()
        try:
            alive = self.training.beat(self.fence, **{**self._progress, **progress})
            frozen = DatasetVersion.objects.filter(pk=self.training.dataset_version_id, state="frozen").exists()
            self._unheard_s = None
        except Error:  # for a short while the work goes on without its database
            close_old_connections()
            self._unheard_s = self._unheard_s or self.clock()
            if self.clock() - self._unheard_s > UNHEARD_S:
                raise
            return
        if not (alive and frozen):
            raise Ended

    def _stopped(self) -> None:
        """Cancelled, withdrawn, somebody else's, or free for another worker."""
        training = self.training
        training.refresh_from_db()
        if training.fence != self.fence or training.state != "running":
            return
        training.dataset_version.refresh_from_db()
        if training.dataset_version.state != "frozen":
            self._fail(
                Refused("version_withdrawn", f"{training.dataset_version} was withdrawn while this training learnt from it.")
            )
        elif training.cancelled_by:
            if training.end(self.fence, "cancelled", doing=""):
                trainings.forget(training)
        else:
            training.let_go(self.fence)

    def _fail(self, refused: Refused) -> None:
        training = self.training
        next_action = trainings.NEXT.get(refused.code, "Look at the sentence above, then train again.")
        words = {"problem": refused.sentence[:500], "problem_code": refused.code[:60], "next_action": next_action, "doing": ""}
        if training.end(self.fence, "failed", **words):
            audit.append("train worker", "training_failed", training.pk, training.organisation_id, code=refused.code)
            trainings.forget(training, refused.code in trainings.GOES_ON)

    def _take_in(self) -> None:
        training = self.training
        self._beat(doing="Taking the policy in")
        out = training.folder / "policy"
        made = registry.bring(out, training.organisation, training.asked_by, training.name, training=training, base=training.base)
        if training.end(self.fence, "done", figures=made.card["figures"], doing=""):
            audit.append("train worker", "training_done", training.pk, training.organisation_id, policy=made.pk, name=made.shown)
            for path in (training.folder / "data").iterdir():
                path.unlink()
            for path in out.iterdir():
                path.unlink()
            out.rmdir()


@contextmanager
def alone(folder: Path, beat: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> Iterator[int]:
    """One at a time works in a training's folder, over all processes; whoever has the descriptor is that one."""
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        end_s = clock() + LOCKED_S
        while not _locked(fd):
            if clock() > end_s:
                raise Ended
            beat()
            time.sleep(0.2)
        yield fd
    finally:
        os.close(fd)


def _full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _said(line: bytes) -> dict[str, Any] | None:
    """None for what a library prints, even in braces: a training is not lost to that."""
    try:
        found = json.loads(line) if line.startswith(b"{") else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "event" in found else None


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(MANNERS_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def next_one(owner: str) -> tuple[Training, int] | None:
    """The first that waits, claimed; None when there is none."""
    for training in Training.objects.orphaned().order_by("asked_at", "pk")[:20]:
        if (fence := training.claim(owner)) is not None:
            return training, fence
    return None
