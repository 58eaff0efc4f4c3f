"""First step of an export: the pictures of each episode on their own, so that a killed export loses one episode at most.

A piece is a folder `work/<episode>/` that appears whole or not at all: a video for each camera that is encoded anew, and
`pictures.json` with the histograms and with what is copied from the recording instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from episodes.data.lerobot import video_files
from episodes.data.lerobot.stats import Pictures, samples
from episodes.data.lerobot.video_out import CODECS, encode
from episodes.data.lerobot.work import Options, Ticker
from episodes.data.manifest import ManifestEpisode
from protocol.embodiment import Camera
from protocol.episode_folder import hash_file, video_path
from protocol.errors import Refused

PICTURES = "pictures.json"
TELL_S = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """An episode of the dataset version and where its folder lies."""

    kept: ManifestEpisode
    folder: Path


class _Seen(msgspec.Struct, frozen=True):
    copied: bool
    count: int
    histogram: list[list[int]]


def make(sources: list[Source], cameras: tuple[Camera, ...], fps: int, work: Path, options: Options, ticker: Ticker) -> None:
    """Makes what is missing in `work`; the first refusal ends it."""
    missing = [source for source in sources if not (work / source.kept.id).exists()]
    done = sum(source.kept.rows for source in sources) - sum(source.kept.rows for source in missing)
    ticker.tick(done)
    for left in work.glob(".*"):
        shutil.rmtree(left)
    with ThreadPoolExecutor(options.workers) as pool:
        waiting = {pool.submit(_make_one, source, cameras, fps, work, options, ticker) for source in missing}
        try:
            while waiting:
                ended, waiting = wait(waiting, TELL_S, FIRST_COMPLETED)
                ticker.tell()
                for future in ended:
                    future.result()
        except BaseException:
            ticker.stop()
            pool.shutdown(cancel_futures=True)
            raise


def pictures_of(work: Path, episode: str) -> dict[str, tuple[Pictures, bool]]:
    """By camera: the histogram of its sampled pictures, and whether its packets are taken from the recording."""
    seen = msgspec.json.decode((work / episode / PICTURES).read_bytes(), type=dict[str, _Seen])
    return {name: (Pictures(np.array(camera.histogram, np.int64), camera.count), camera.copied) for name, camera in seen.items()}


def _make_one(source: Source, cameras: tuple[Camera, ...], fps: int, work: Path, options: Options, ticker: Ticker) -> None:
    _check_bytes(source)
    partial = work / f".{source.kept.id}"
    partial.mkdir()
    seen: dict[str, _Seen] = {}
    for camera in cameras:
        pictures, copied = _camera(source, camera, fps, partial, options, ticker, source.kept.rows / len(cameras))
        seen[camera.name] = _Seen(copied, pictures.count, pictures.histogram.tolist())
    if not cameras:
        ticker.tick(source.kept.rows)
    (partial / PICTURES).write_bytes(msgspec.json.encode(seen))
    os.rename(partial, work / source.kept.id)


def _check_bytes(source: Source) -> None:
    """The folder is the one that the version names."""
    for path, sha256 in source.kept.files.items():
        try:
            found = hash_file(source.folder / path).sha256
        except OSError as error:
            sentence = f"{path} of episode {source.kept.id} cannot be read: {error.strerror}."
            raise Refused("episode_missing", sentence, episode=source.kept.id, path=path) from error
        if found != sha256:
            sentence = f"{path} of episode {source.kept.id} has other bytes than the dataset version names. Restore it first."
            raise Refused("episode_changed", sentence, episode=source.kept.id, path=path)


def _camera(
    source: Source, camera: Camera, fps: int, partial: Path, options: Options, ticker: Ticker, rows: float
) -> tuple[Pictures, bool]:
    name = f"{video_path(camera.name)} of episode {source.kept.id}"
    index = video_files.read_index(source.folder / video_path(camera.name), name)
    first, count = source.kept.first, source.kept.rows
    seen, as_large = Pictures(), (index.width, index.height) == (camera.width, camera.height)
    if options.copy and as_large and video_files.may_copy(index, first, count, Fraction(fps)):
        for frame in video_files.key_pictures(index, first, count):
            seen.add(frame.to_ndarray(format="rgb24"))
        ticker.tick(rows)
        return seen, True
    codec = CODECS["recording" if options.copy else options.codec]
    frames = video_files.pictures(index, first, count)
    if not as_large:
        frames = (frame.reformat(camera.width, camera.height, interpolation="AREA") for frame in frames)
    watched = _watched(frames, count, seen, ticker, rows / count)
    encode(watched, partial / f"{camera.name}.mp4", camera.width, camera.height, Fraction(fps), codec)
    return seen, False


def _watched(frames: Iterator[Any], count: int, seen: Pictures, ticker: Ticker, each: float) -> Iterator[Any]:
    """The same frames; on their way the sampled ones are counted into the statistics."""
    wanted = set(samples(count))
    for number, frame in enumerate(frames):
        if number in wanted:
            seen.add(frame.to_ndarray(format="rgb24"))
        ticker.tick(each)
        yield frame
