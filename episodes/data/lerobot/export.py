"""A dataset version becomes a LeRobot v3.0 dataset: `export`.  Killed, cancelled or out of room, it goes on where it was.

Everything grows in a hidden folder beside the target, which appears whole, by one rename.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from episodes.data.lerobot import pieces
from episodes.data.lerobot.assemble import Assembler
from episodes.data.lerobot.pieces import Source
from episodes.data.lerobot.video_out import CHOICES
from episodes.data.lerobot.work import Cancelled, Options, Progress, Ticker, room
from episodes.data.manifest import SPLITS, Manifest
from protocol.embodiment import Embodiment, decode_embodiment
from protocol.errors import Refused


@dataclass(frozen=True, slots=True)
class Exported:
    folder: Path
    episodes: int
    rows: int
    pictures: int  # of all cameras
    copied: int  # videos whose packets were taken as they were recorded


def export(
    manifest: Manifest,
    folder_of: Callable[[str], Path],
    target: Path,
    options: Options | None = None,
    progress: Progress = lambda done, total: None,
    cancelled: Cancelled = lambda: False,
) -> Exported:
    """Writes the dataset to `target`, which must not exist; `folder_of` gives the folder of an episode by its id.

    `progress` is told (done, total), where every row counts once for its pictures and once for being written.  Refused:
    `folder_exists`, `export_running`, `nothing_to_export`, `rate_not_whole`, `episode_changed` or `episode_missing`
    (naming episode and file), `storage_full`, `cancelled`.
    """
    options = options or Options()
    body = _check(manifest, target, options)
    chosen = [episode for episode in manifest.episodes if not options.split or episode.split == options.split]
    if not chosen:
        raise Refused("nothing_to_export", "This dataset version has no episodes there.")
    # as LeRobot trains on all there is, the episodes to validate with come last
    sources = [Source(episode, folder_of(episode.id)) for episode in sorted(chosen, key=lambda e: SPLITS.index(e.split))]
    rows = sum(episode.rows for episode in chosen)
    ticker = Ticker(2 * rows, progress, cancelled)
    with _alone(target, manifest.digest, options) as partial, room(target.parent):
        work = partial / "work"
        work.mkdir(exist_ok=True)
        pieces.make(sources, body.cameras, round(body.record_hz), work, options, ticker)
        _assemble(partial, sources, body, manifest.digest, options, ticker)
        copied = sum(copy for source in sources for _, copy in pieces.pictures_of(work, source.kept.id).values())
        os.rename(partial / "dataset", target)
        _sync(target.parent)
        shutil.rmtree(partial)
    return Exported(target, len(chosen), rows, rows * len(body.cameras), copied)


def _check(manifest: Manifest, target: Path, options: Options) -> Embodiment:
    if options.codec not in CHOICES or options.split not in ("", *SPLITS):
        raise Refused("option", f"The codec is one of {', '.join(CHOICES)}; the split one of {', '.join(SPLITS)}, or none.")
    if target.exists():
        raise Refused("folder_exists", f"{target} exists already. Choose another folder, or remove it first.")
    body = decode_embodiment(msgspec.json.encode(manifest.embodiment))
    if body.record_hz != round(body.record_hz):
        raise Refused("rate_not_whole", f"LeRobot wants a whole number of frames a second; these have {body.record_hz}.")
    return body


def _assemble(partial: Path, sources: list[Source], body: Embodiment, digest: str, options: Options, ticker: Ticker) -> None:
    assembler = Assembler(partial / "dataset", partial / "work", body, digest, options)
    try:
        for source in sources:
            assembler.add(source, ticker)
        assembler.close()
    except BaseException:
        assembler.abandon()
        raise
    for path in (partial / "dataset").rglob("*"):
        _sync(path)
        ticker.tell()  # a disk may take seconds for each


@contextmanager
def _alone(target: Path, digest: str, options: Options) -> Iterator[Path]:
    """The hidden folder, for us alone; what another version or other settings left there is thrown away."""
    partial = target.with_name(f".{target.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    fd = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("export_running", f"{target} is being written by another export. Wait for it.") from error
        plan = msgspec.json.encode([digest, options.codec, options.copy, options.split])
        noted = partial / "plan.json"
        if not noted.exists() or noted.read_bytes() != plan:
            for left in partial.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            noted.write_bytes(plan)
        yield partial
    finally:
        os.close(fd)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
