"""What a robot keeps across restarts, one small file each: epoch, local switch, held.  Nothing here moves anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from protocol.errors import Refused
from robot.durable import sync, write_durably

EPOCH, REMOTE_MOTION, HELD, LOCK, RUN = "epoch", "remote_motion", "held", "lock", "run.json"


class Run(msgspec.Struct, frozen=True):
    """Which launcher runs this robot and where its run folder is."""

    pid: int
    run_dir: str


def begin_epochs(folder: Path) -> None:
    """Starts counting, unless this folder already does: an epoch is never used twice (I4)."""
    if not (folder / EPOCH).exists():
        write_durably(folder / EPOCH, b"0\n")


def next_epoch(folder: Path) -> int:
    """One more than ever before, on the disk before it is returned.

    `Refused("epoch_unreadable")`: going on from a guess could bring an old lease back to life.
    """
    path = folder / EPOCH
    try:
        epoch = int(path.read_text()) + 1
    except (OSError, ValueError) as error:
        raise Refused(
            "epoch_unreadable", f"{path} cannot be read ({error}), so old leases cannot be ruled out. Enrol anew."
        ) from error
    write_durably(path, f"{epoch}\n".encode())
    return epoch


def remote_motion(folder: Path) -> bool:
    """The local switch: on unless it was switched off; anything unreadable counts as off."""
    try:
        return (folder / REMOTE_MOTION).read_text().strip() == "on"
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError):
        return False


def set_remote_motion(folder: Path, allowed: bool) -> None:
    write_durably(folder / REMOTE_MOTION, b"on\n" if allowed else b"off\n")


def held(folder: Path) -> str:
    """Why the server holds this robot, or "" when it does not."""
    try:
        return (folder / HELD).read_text(encoding="utf-8", errors="replace").strip() or "held"
    except FileNotFoundError:
        return ""


def set_held(folder: Path, sentence: str) -> None:
    """Holds also across restarts; "" ends it."""
    if sentence:
        write_durably(folder / HELD, sentence.encode())
    elif (folder / HELD).exists():
        (folder / HELD).unlink()
        sync(folder)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the folder's lock: one launcher per robot.  `Refused("already_running")`."""
    fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("already_running", f"The robot in {folder} is already running.") from error
        yield
    finally:
        os.close(fd)


def is_running(folder: Path) -> bool:
    try:
        with only_one(folder):
            return False
    except Refused:
        return True


def write_run(folder: Path, run: Run) -> None:
    write_durably(folder / RUN, msgspec.json.encode(run))


def read_run(folder: Path) -> Run | None:
    try:
        return msgspec.json.decode((folder / RUN).read_bytes(), type=Run)
    except (OSError, msgspec.DecodeError):
        return None
