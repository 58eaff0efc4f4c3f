"""How episodes and uploads look as JSON (`schemas/episodes.py`).  Reads rows and folders, changes nothing."""

from __future__ import annotations

import bisect
import functools
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from django.db.models import Count
from django.urls import reverse

from episodes import storage
from episodes.data.examine import PILOTS
from episodes.models import Episode, EpisodeQuerySet, Mark, Upload
from episodes.services import review, taxonomy
from fleet.models import Person
from protocol import scene
from protocol.episode_folder import EVENTS

MOST_EVENTS = 2000
_ANY = "0" * 32
MOST_EVENT_BYTES = 4 * 1024 * 1024
_ROW_FIELDS = (
    "number", "instruction", "outcome", "failure", "quality", "tags", "trim_first", "trim_last", "flagged", "status",
    "playable", "check_progress", "problem", "started_at", "seconds", "rows", "record_hz", "cut", "cut_reason",
    "size_bytes", "version",
)  # fmt: skip


#: what takes the place of the labels for whoever gives a second look without seeing them
_UNSEEN = {"outcome": "unlabelled", "failure": "", "quality": None}


def page(episode: Episode) -> str:
    """Address of the episode's page."""
    return _address("episodes:player", episode)


def _address(name: str, episode: Episode) -> str:
    return _pattern(name).replace(_ANY, episode.pk)


@functools.cache
def _pattern(name: str) -> str:
    """The address with `_ANY` for the episode: a page of the library has three of each, and to resolve one takes its time."""
    return reverse(name, args=[_ANY])


def row(episode: Episode, unseen: bool = False) -> dict[str, Any]:
    """`EpisodeRow`; `unseen` leaves the labels out."""
    band = episode.findings.get("band", [])
    has_poster = episode.playable and bool(episode.meta["cameras"])
    return (
        {name: getattr(episode, name) for name in _ROW_FIELDS}
        | (_UNSEEN if unseen else {})
        | {
            "id": episode.pk,
            "url": page(episode),
            "poster": _address("episodes:poster", episode) if has_poster else "",
            "robot": {"id": episode.robot.pk, "name": episode.robot.name},
            "site": {"id": str(episode.site.pk), "name": episode.site.name},
            "cameras": episode.meta["cameras"],
            "people": episode.meta["people"],
            "pilots": episode.findings.get("pilots", {}),
            "band": [{"first": first, "last": last, "pilot": pilot} for first, last, pilot in band],
            "found": dict(Counter(finding["code"] for finding in episode.findings.get("findings", []))),
            "reviewed": episode.reviewed_at is not None,
            "second_look": unseen,
            "removed": episode.removed_at is not None,
        }
    )


def strip(episode: Episode) -> str:
    """Address of the twelve small pictures for the library, "" while there are none."""
    return _address("episodes:strip", episode) if episode.gist and episode.meta["cameras"] else ""


def detail(episode: Episode, neighbours: EpisodeQuerySet, unseen: bool) -> dict[str, Any]:
    """`EpisodeDetail` but for what the reader may do; `neighbours` are those that the arrows lead to."""
    meta = episode.meta
    sizes = {camera["name"]: (camera["width"], camera["height"]) for camera in meta["embodiment"]["cameras"]}
    newer = neighbours.filter(started_at__gt=episode.started_at).order_by("started_at").first()
    older = neighbours.filter(started_at__lt=episode.started_at).first()
    return row(episode, unseen) | {
        "comment": "" if unseen else episode.comment,
        "failures": taxonomy.failures(episode.organisation_id)[0],
        "embodiment": meta["embodiment"]["name"],
        "world": {str(key): str(value) for key, value in meta["world"].items()},
        "program": meta["program"],
        "clamp_names": meta["clamp_names"],
        "pilots_order": list(PILOTS),
        "frames_repeated": meta["frames_repeated"],
        "rows_lost": meta["rows_lost"],
        "findings": episode.findings.get("findings", []),
        "scores": episode.findings.get("scores", {}),
        "proposed_trim": episode.findings.get("trim"),
        "videos": [
            {
                "camera": name,
                "width": sizes[name][0],
                "height": sizes[name][1],
                "url": reverse("episodes:video", args=[episode.pk, name]),
            }
            for name in meta["cameras"]
        ],
        "columns": episode.findings.get("columns", []),
        "columns_url": reverse("episodes:columns", args=[episode.pk]),
        "events_url": f"/api/episodes/{episode.pk}/events",
        "newer": page(newer) if newer else "",
        "older": page(older) if older else "",
    }


def counts(episodes: EpisodeQuerySet) -> dict[str, int]:
    found = dict(episodes.order_by().values_list("outcome").annotate(Count("pk")))
    return {"all": sum(found.values())} | {outcome: found.get(outcome, 0) for outcome in Episode.OUTCOMES}


def robots(episodes: EpisodeQuerySet) -> list[dict[str, str]]:
    pairs = episodes.order_by("robot__name").values_list("robot_id", "robot__name").distinct()
    return [{"id": id, "name": name} for id, name in pairs]


def events(episode: Episode) -> list[dict[str, Any]]:
    """The first `MOST_EVENTS` events with the row at or after each; lines that are no events, and those that only say where
    things were, are left out."""
    times_s = _times_s(storage.derived(episode.pk) / storage.COLUMNS, episode.rows)
    found: list[dict[str, Any]] = []
    for line in storage.read(episode.pk, EVENTS, MOST_EVENT_BYTES).splitlines()[:MOST_EVENTS]:
        try:
            event = msgspec.json.decode(line, type=dict[str, Any])
            time_s = (int(event["time_ns"]) - int(episode.meta["started_ns"])) / 1e9
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            continue
        if event.get("event") == scene.EVENT:
            continue
        texts = {key: str(event.get(key, "")) for key in ("event", "actor", "reason", "before", "after")}
        place = min(bisect.bisect_left(times_s, time_s), episode.rows - 1)
        found.append({"row": place, "time_s": time_s, **texts})
    return found


def _times_s(columns: Path, rows: int) -> list[float]:
    """The first column; evenly spaced rows while it is not there yet."""
    if not columns.exists():
        return [i / max(1, rows) for i in range(rows)]
    return [float(time_s) for time_s in np.fromfile(columns, "<f4", rows)]


def reviews(episode: Episode, who: Person, unseen: bool) -> dict[str, Any]:
    """`Reviews`."""
    given = [] if unseen else list(episode.reviews.select_related("person").order_by("at"))
    asked_by = episode.reviewed_by.shown if episode.flagged and episode.reviewed_by else ""
    fields = ("outcome", "failure", "quality", "blind", "at")
    return {
        "asked_by": asked_by,
        "reviews": [
            {name: getattr(one, name) for name in fields} | {"person": one.person.shown, "me": one.person_id == who.pk}
            for one in given
        ],
        "agreements": [
            {"person": other.shown, "agreed": found.agreed, "both": found.both, "kappa": found.kappa}
            for other, found in review.agreements(who, episode.organisation_id)
        ],
    }


def mark(row: Mark) -> dict[str, Any]:
    """`MarkShown`."""
    fields = ("id", "row", "camera", "name", "x", "y", "width", "height", "version")
    return {name: getattr(row, name) for name in fields} | {"person": row.person.shown if row.person else ""}


def instructions(episode: Episode) -> list[dict[str, Any]]:
    """`InstructionShown`: the recorded one, then each that was written here."""
    recorded = {"number": episode.meta["instruction_version"], "text": episode.meta["instruction"], "person": "", "at": None}
    written = [
        {"number": one.number, "text": one.text, "person": one.person.shown if one.person else "", "at": one.at}
        for one in episode.instructions.select_related("person")
    ]
    return [recorded, *written]


def upload(row: Upload) -> dict[str, Any]:
    """`UploadState`."""
    return {
        "episode": row.pk,
        "state": row.state,
        "offsets": row.offsets(),
        "confirmed": row.hashes() if row.state == "kept" else None,
        "sentence": row.sentence,
    }
