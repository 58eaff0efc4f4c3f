"""Whether the stored files are still those that a dataset version was frozen with.  Reads every byte; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from episodes.data.manifest import Manifest, ManifestEpisode
from protocol.episode_folder import hash_file


@dataclass(frozen=True, slots=True)
class Damage:
    """One file that is not what it was; `sentence` names it for a person."""

    episode: str
    path: str
    sentence: str


def damages(
    manifest: Manifest, folder: Callable[[str], Path], progress: Callable[[int], None] = lambda episodes: None
) -> Iterator[Damage]:
    """One for each file that is missing or has other bytes; `folder` tells where an episode lies.

    `progress` hears how many were read: after each episode, and again and again while one is being read.
    """
    for number, episode in enumerate(manifest.episodes, 1):
        yield from _of_one(episode, folder(episode.id), partial(progress, number - 1))
        progress(number)


def _of_one(episode: ManifestEpisode, folder: Path, told: Callable[[], None]) -> Iterator[Damage]:
    for path, sha256 in sorted(episode.files.items()):
        try:
            found = hash_file(folder / path, from_disk=True, told=told).sha256
        except OSError as error:
            why = error.strerror or "no answer from the disk"
            yield Damage(episode.id, path, f"{path} of episode {episode.id} cannot be read: {why}.")
            continue
        if found != sha256:
            yield Damage(episode.id, path, f"{path} of episode {episode.id} has other bytes than when it was frozen.")
