"""What people ask of datasets of others: bring them in.  Each episode goes the way of an upload, so that it is checked alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from episodes.data.lerobot import infer
from episodes.data.lerobot.columns import vector
from episodes.data.lerobot.dataset import DatasetRead, EpisodeRead, Note
from episodes.data.lerobot.into_folder import Importing, Rows, write_folder
from episodes.data.lerobot.layout import ACTION
from episodes.data.lerobot.reader import check_all, open_dataset
from episodes.models import Episode
from episodes.services import labels
from episodes.services.bring import bring
from fleet import audit
from fleet.models import Robot, Site, new_id
from protocol.embodiment import Embodiment, decode_embodiment
from protocol.errors import Refused

PILOTS = ("operator", "script", "policy")  # who may have driven where a dataset does not say
MOST_NAME = 40
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Imported:
    """`there`: episodes that an earlier import had brought already."""

    robot: Robot
    made: list[str]
    there: int
    notes: list[Note]


def import_lerobot(
    root: Path,
    site: Site,
    robot_name: str,
    actor: str,
    pilot: str = "operator",
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Imported:
    """The dataset in `root` as episodes of the robot `robot_name` at `site`, which is made when there is none.

    The whole dataset is judged first; refused, nothing was made.  Ended half way, a second call brings the rest.
    Refused: what `open_dataset` and `check_all` say, `embodiment_differs`, `episode_refused`, `storage_full`, `cancelled`.
    """
    if pilot not in PILOTS:
        raise Refused("invalid_field:pilot", f"Who drove is one of {', '.join(PILOTS)}.")
    if not 0 < len(robot_name) <= MOST_NAME or not robot_name.isprintable():
        raise Refused("invalid_field:robot", f"A robot's name has 1 to {MOST_NAME} visible characters.")
    Path(settings.REINS_MEDIA_DIR).mkdir(parents=True, exist_ok=True)
    dataset = open_dataset(root)
    indices = check_all(dataset)
    body = infer.carried(dataset) or _known(dataset, site, robot_name)
    robot = _stand_in(dataset, body, site, robot_name, actor)
    work = Importing(dataset, body, robot.pk, indices, Rows(dataset), pilot)
    made: list[str] = []
    for number, episode in enumerate(dataset.episodes):
        if cancelled():
            raise Refused("cancelled", "The import was cancelled. Started again, it brings the episodes that are missing.")
        row = Episode.objects.filter(pk=work.id(episode)).first()
        if row is None:
            row = _bring(work, episode, robot)
            made.append(row.pk)
        if row.version == 1 and row.removed_at is None:  # nobody has labelled it since, nor an import that ended early
            _label(work, episode, row, actor)
        progress(number + 1, len(dataset.episodes))
    whose = site.organisation_id
    audit.append(actor, "dataset_imported", robot.name, whose, episodes=len(made), fingerprint=dataset.fingerprint)
    return Imported(robot, made, len(dataset.episodes) - len(made), dataset.notes)


def _known(dataset: DatasetRead, site: Site, robot_name: str) -> Embodiment:
    """The body of the robot of that name if there is one, else what the numbers of the dataset tell."""
    robot = Robot.objects.filter(site=site, name=robot_name).first()
    if robot is not None and robot.embodiment:
        body = decode_embodiment(msgspec.json.encode(robot.embodiment))
        return infer.fitting(dataset, body, f"{robot.name} as it is known here")
    state, action = (infer.Span(width, dataset.fps) for width in infer.widths(dataset))
    rows = Rows(dataset)
    for episode in dataset.episodes:
        state.add(vector(rows.of(episode), infer.state_key(dataset), infer.widths(dataset)[0]))
        action.add(vector(rows.of(episode), ACTION, infer.widths(dataset)[1]))
    return infer.inferred(dataset, state, action)


def _stand_in(dataset: DatasetRead, body: Embodiment, site: Site, name: str, actor: str) -> Robot:
    """The row that imported episodes belong to.  One made here has no key, counts as revoked and can never log in."""
    robot = Robot.objects.filter(site=site, name=name).first()
    if robot is not None:
        if robot.embodiment_hash and robot.embodiment_hash != body.hash:
            known = decode_embodiment(msgspec.json.encode(robot.embodiment))
            infer.fitting(dataset, known, f"{name} as it is known here")  # says what differs
            raise Refused("embodiment_differs", f"{name} is known here with other limits or units. Choose another robot name.")
        return robot
    described = msgspec.to_builtins(body)
    with transaction.atomic():
        robot = Robot.objects.create(
            site=site, name=name, public_key=f"imported {new_id()}", program="import", embodiment=described,
            embodiment_hash=body.hash, revoked_at=timezone.now(),
        )  # fmt: skip
        audit.append(actor, "robot_stands_for_dataset", name, site.organisation_id, hash=body.hash)
    return robot


def _bring(work: Importing, episode: EpisodeRead, robot: Robot) -> Episode:
    """Made beside, sent through the services of an upload, removed."""
    id = work.id(episode)
    with tempfile.TemporaryDirectory(prefix=".importing-", dir=settings.REINS_MEDIA_DIR) as beside:
        write_folder(work, episode, Path(beside) / id)
        return bring(Path(beside) / id, robot)


def _label(work: Importing, episode: EpisodeRead, row: Episode, actor: str) -> None:
    """The labels that came along, all or none; a kind of failure that is not offered here stays behind."""
    known = work.known(episode)
    if known is None:
        return
    kept, found = known.kept, dict[str, Any]()
    for values in ({"quality": kept.quality}, {"tags": list(kept.tags)}, {"failure": kept.failure}):
        if not any(values.values()):
            continue
        try:
            found |= labels.cleaned(row, values)
        except Refused as refused:
            work.dataset.notes.append(Note("label_left", f"Episode {episode.index}: {refused.sentence}"))
    if found:
        with transaction.atomic():
            row.change(1, **found)
            audit.append(actor, "episode_corrected", row.pk, row.organisation_id, **found)
