"""Marks of objects in the picture: where something is, in one camera at one row.  Permission was checked by the caller."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from episodes.models import Episode, Mark
from fleet import audit
from fleet.models import Person
from protocol.errors import Refused

MOST = 500  # of one episode


def add(episode: Episode, values: dict[str, Any], person: Person) -> Mark:
    """`Refused("invalid_field:<name>")` for what is not in the episode or the picture, `Refused("too_many")`."""
    values = _cleaned(episode, {"width": 0.0, "height": 0.0, **values})
    if episode.marks.count() >= MOST:
        raise Refused("too_many", f"An episode has at most {MOST} marks. Remove one first.")
    with transaction.atomic():
        mark = Mark.objects.create(episode=episode, person=person, **values)
        audit.append(person.shown, "mark_added", episode.pk, episode.organisation_id, mark=mark.pk, **values)
    return mark


def change(mark: Mark, version: int, values: dict[str, Any], person: Person) -> None:
    now = {name: getattr(mark, name) for name in ("row", "camera", "name", "x", "y", "width", "height")}
    _cleaned(mark.episode, {**now, **values})
    with transaction.atomic():
        mark.change(version, **values)
        audit.append(person.shown, "mark_changed", mark.episode_id, mark.episode.organisation_id, mark=mark.pk, **values)


def remove(mark: Mark, person: Person) -> None:
    with transaction.atomic():
        audit.append(person.shown, "mark_removed", mark.episode_id, mark.episode.organisation_id, mark=mark.pk, name=mark.name)
        mark.delete()


def _cleaned(episode: Episode, values: dict[str, Any]) -> dict[str, Any]:
    values["name"] = name = " ".join(values["name"].split())
    if not name or not name.isprintable():
        raise Refused("invalid_field:name", "Name what is marked in a few visible characters.")
    if not 0 <= values["row"] < episode.rows:
        raise Refused("invalid_field:row", f"This episode has rows 0 to {episode.rows - 1}.")
    if values["camera"] not in episode.meta["cameras"]:
        raise Refused("invalid_field:camera", f"This episode has the cameras {', '.join(episode.meta['cameras'])}.")
    if values["x"] + values["width"] > 1 or values["y"] + values["height"] > 1:
        raise Refused("invalid_field:width", "The box must lie in the picture: shares of it from 0 to 1.")
    return values
