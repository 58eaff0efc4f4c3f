"""A log becomes an episode folder: write beside, fsync, hash, read back, rename.  Only then is it saved.

The log goes last.  Killed at any point, the next call starts again from the log; nothing half made ever bears an
episode's name.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import msgspec
import pyarrow as pa

from protocol.embodiment import decode_embodiment
from protocol.episode import EpisodeMeta
from protocol.episode_folder import META, check_folder, decode_meta, hash_file
from protocol.errors import Refused
from robot.durable import sync
from robot.recorder.contents import Closing, Happening, Opening, Tick, decode
from robot.recorder.folder import FolderWriter
from robot.recorder.log import MAGIC, Damage, LogReader

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Home:
    """The recorder's folders.  `logs` episodes being recorded, `discarded` logs set aside, `episodes` whole ones to
    be uploaded, `quarantine` logs with bytes that changed on the disk."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def discarded(self) -> Path:
        return self.root / "discarded"

    @property
    def episodes(self) -> Path:
        return self.root / "episodes"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    def make(self) -> Home:
        for folder in (self.logs, self.discarded, self.episodes, self.quarantine):
            folder.mkdir(parents=True, exist_ok=True)
        return self

    def sweep(self) -> None:
        """Removes what a kill left half made or half deleted; logs and episodes are not touched."""
        for path in self.episodes.glob(".*"):
            shutil.rmtree(path)

    def log(self, episode: str) -> Path:
        return self.logs / f"{episode}.log"

    def saved(self) -> list[Path]:
        """Episode folders, oldest first."""
        folders = [path for path in self.episodes.iterdir() if not path.name.startswith(".")]
        return sorted(folders, key=lambda path: (path.stat().st_mtime_ns, path.name))


def finalise(home: Home, log: Path, step: Step = lambda _: None) -> EpisodeMeta | None:
    """The saved episode, read back from the disk; None when the log holds no tick (then it is put away).

    `step` is called after each step with its name.  Raises `Refused` (`disk`, `episode_damaged`, `log_unreadable`); the
    log is then still there.
    """
    episode = log.stem
    final, partial = home.episodes / episode, home.episodes / f".new-{episode}"
    shutil.rmtree(partial, ignore_errors=True)
    damage: Damage | None = None
    if not _is_whole(home, final):
        try:
            meta, damage = _write(log, partial, step)
        except Refused:  # whole records that mean nothing to us: no later try will read them
            os.replace(log, home.quarantine / log.name)
            raise
        except (OSError, av.FFmpegError, pa.ArrowException) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise Refused("disk", f"The episode cannot be written: {error}.") from error
        if meta is None:
            shutil.rmtree(partial, ignore_errors=True)
            _put_away(home, log, damage)
            return None
        step("written")
        check_folder(partial, from_disk=True)
        step("read_back")
        os.rename(partial, final)
        sync(home.episodes)
        step("renamed")
    saved = decode_meta((final / META).read_bytes())
    _put_away(home, log, damage)
    step("log_removed")
    return saved


def _is_whole(home: Home, final: Path) -> bool:
    """Whether the episode was already renamed into place before a kill; a damaged one makes room."""
    if not final.exists():
        return False
    try:
        check_folder(final, from_disk=True)
    except Refused:
        os.replace(final, home.quarantine / f"{final.name}.{time.time_ns()}")
        return False
    return True


def _write(log: Path, partial: Path, step: Step) -> tuple[EpisodeMeta | None, Damage | None]:
    if log.stat().st_size < len(MAGIC):  # killed while it was being made
        return None, None
    reader = LogReader(log)
    contents = (decode(record) for record in reader)
    opening = next(contents, None)
    if not isinstance(opening, Opening):
        return None, reader.damage
    embodiment = decode_embodiment(msgspec.json.encode(opening.embodiment))
    writer = FolderWriter(partial, embodiment)
    closing: Closing | None = None
    for content in contents:
        if isinstance(content, Tick):
            writer.add(content)
        elif isinstance(content, Happening):
            writer.add_event(content)
        elif isinstance(content, Closing):
            closing = content
    step("read")
    if writer.empty:
        writer.abandon()
        return None, reader.damage
    writer.close()
    meta = _meta(opening, writer, closing, reader.damage)
    hashes = {path: hash_file(partial / path) for path in writer.paths}
    for path in writer.paths:
        sync(partial / path)
    step("hashed")
    meta = msgspec.structs.replace(meta, files=hashes)
    (partial / META).write_bytes(msgspec.json.format(msgspec.json.encode(meta), indent=1))
    for entry in (partial / META, partial / "video", partial):
        sync(entry)
    return meta, reader.damage


def _meta(opening: Opening, writer: FolderWriter, closing: Closing | None, damage: Damage | None) -> EpisodeMeta:
    embodiment = decode_embodiment(msgspec.json.encode(opening.embodiment))
    cut = closing is None or closing.cut
    if damage is not None:
        reason = damage.sentence
    elif closing is None:
        reason = "The recorder ended without closing the log; what followed the last row is missing."
    else:
        reason = closing.reason
    return EpisodeMeta(
        id=opening.episode,
        robot=opening.robot,
        embodiment_hash=embodiment.hash,
        embodiment=opening.embodiment,
        people=writer.people,
        instruction=opening.instruction,
        campaign=opening.campaign,
        prompt=opening.prompt,
        outcome="unlabelled" if closing is None else closing.outcome,
        cut=cut or damage is not None,
        cut_reason=reason if cut or damage is not None else "",
        started_ns=opening.started_ns,
        seconds=writer.rows / embodiment.record_hz,
        rows=writer.rows,
        record_hz=embodiment.record_hz,
        cameras=tuple(camera.name for camera in embodiment.cameras),
        program=opening.program,
        world=opening.world,
        rows_lost=writer.rows_lost,
        frames_repeated=writer.repeated,
        masked=writer.masked,
    )


def _put_away(home: Home, log: Path, damage: Damage | None) -> None:
    """The log of a saved episode goes; one whose bytes changed is kept aside, because it shows that the disk fails."""
    if damage is not None and not damage.torn:
        os.replace(log, home.quarantine / f"{log.stem}.at-{damage.offset}.log")
        sync(home.quarantine)
    else:
        log.unlink()
    sync(home.logs)
