"""From the rows of a draft to a manifest: reads each episode's own description again and hashes it.  Writes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import msgspec

from episodes.data.choosing import split_of, weight_of
from episodes.data.manifest import Manifest, ManifestEpisode, ManifestMark
from episodes.data.sizes import smallest
from episodes.models import Episode, EpisodeQuerySet
from protocol.embodiment import decode_embodiment
from protocol.episode import EpisodeMeta
from protocol.episode_folder import META, decode_meta
from protocol.errors import Refused

_COLUMNS = (
    "number", "instruction", "outcome", "failure", "quality", "tags", "trim_first", "trim_last", "rows",
)  # fmt: skip
_Kinds = dict[str, tuple[dict[str, object], list[int]]]  # by hash of the embodiment: its JSON, numbers of episodes


def build(
    chosen: EpisodeQuerySet, described: Callable[[str], bytes], seed: int, validation_share: float, weights: Mapping[str, float]
) -> Manifest:
    """The manifest of these episodes; at least one.  `described` gives the episode.json of one: no other file is read.

    Refused: `mixed_embodiments` (detail.embodiments: hash to number of episodes), `episode_damaged`.
    """
    kinds: _Kinds = {}
    entries = []
    for episode in chosen.order_by("pk").only("pk", *_COLUMNS).prefetch_related("marks").iterator(chunk_size=500):
        meta, sha256 = _described(episode, described)
        kinds.setdefault(meta.embodiment_hash, (meta.embodiment, []))[1].append(episode.number)
        entries.append(_entry(episode, meta, sha256, split_of(episode.pk, seed, validation_share), weights))
    hash, body = _one_body(kinds)
    return Manifest(embodiment_hash=hash, embodiment=body, episodes=tuple(entries))


def _one_body(kinds: _Kinds) -> tuple[str, dict[str, object]]:
    """That of all; of bodies that differ in the size of their pictures alone, the one with the smallest."""
    if len(kinds) == 1:
        ((hash, (body, _)),) = kinds.items()
        return hash, body
    common = smallest([decode_embodiment(msgspec.json.encode(body)) for _, (body, _) in sorted(kinds.items())])
    if common is None:
        raise _mixed({hash: (str(body.get("name", "")), numbers) for hash, (body, numbers) in kinds.items()})
    return common.hash, msgspec.to_builtins(common)


def _described(episode: Episode, described: Callable[[str], bytes]) -> tuple[EpisodeMeta, str]:
    """episode.json as it is kept, and its sha256."""
    try:
        raw = described(episode.pk)
        return decode_meta(raw), hashlib.sha256(raw).hexdigest()
    except (OSError, Refused) as error:
        why = error.sentence if isinstance(error, Refused) else error.strerror
        raise Refused(
            "episode_damaged", f"{META} of {episode} cannot be read: {why} Take the episode out of the draft.",
            episode=episode.pk, path=META,
        ) from error  # fmt: skip


def _entry(episode: Episode, meta: EpisodeMeta, sha256: str, split: str, weights: Mapping[str, float]) -> ManifestEpisode:
    end = episode.rows - 1
    first, last = min(episode.trim_first or 0, end), end if episode.trim_last is None else min(episode.trim_last, end)
    return ManifestEpisode(
        id=episode.pk,
        files={META: sha256} | {path: file.sha256 for path, file in meta.files.items()},
        first=first,
        last=last,
        instruction=episode.instruction,
        outcome=episode.outcome,
        failure=episode.failure,
        quality=episode.quality,
        tags=tuple(sorted(episode.tags)),
        weight=weight_of(episode.tags, weights),
        split=split,
        marks=_marks(episode, first, last) or msgspec.UNSET,
    )


def _marks(episode: Episode, first: int, last: int) -> tuple[ManifestMark, ...]:
    """Those in the rows that are kept."""
    return tuple(
        ManifestMark(row=m.row, camera=m.camera, name=m.name, x=m.x, y=m.y, width=m.width, height=m.height)
        for m in episode.marks.all()
        if first <= m.row <= last
    )


def _mixed(kinds: dict[str, tuple[str, list[int]]]) -> Refused:
    parts = [f"{len(numbers)} of {name or 'a nameless body'} ({hash[:8]})" for hash, (name, numbers) in sorted(kinds.items())]
    return Refused(
        "mixed_embodiments",
        f"A version holds one kind of robot; this draft has {', '.join(parts)}. Narrow the filter to robots of one kind.",
        embodiments={hash: len(numbers) for hash, (_, numbers) in kinds.items()},
    )
