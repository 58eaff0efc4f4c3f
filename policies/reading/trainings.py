"""What pages show of trainings: rows, why they wait, how long they take, curves out of their metrics, samples."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from fleet.models import Person
from policies.models import PolicyVersion, Training
from policies.models.training import TrainingQuerySet
from policies.teaching import METRICS

MOST_BYTES = 512 * 1024  # of metrics in one answer
BASIS = 2000  # steps over which the pace is measured, at most
TAIL = 64 * 1024
MOST_SAID = 40


def rows_of(trainings: Iterable[Training], may_cancel: set[str]) -> list[dict[str, Any]]:
    """Running, waiting in order, then ended, newest first."""
    found = list(trainings)
    running = [one for one in found if one.state == "running"]
    waiting = sorted((one for one in found if one.state == "queued"), key=lambda one: (one.asked_at, one.pk))
    ended = sorted((one for one in found if one.ended_at and one.state not in ("queued", "running")), key=_ended, reverse=True)
    return [row(one, one.pk in may_cancel, running, waiting) for one in (*running, *waiting, *ended)]


def _ended(training: Training) -> float:
    return training.ended_at.timestamp() if training.ended_at else 0.0


def row(training: Training, may_cancel: bool, running: list[Training], waiting: list[Training]) -> dict[str, Any]:
    version = training.dataset_version
    heard = training.heartbeat if training.state == "running" else None
    place = waiting.index(training) + 1 if training in waiting else 0
    result = getattr(training, "made", None)
    return {
        "id": training.pk,
        "url": f"/trainings/{training.pk}/",
        "name": training.name,
        "state": training.state,
        "organisation": training.organisation.name,
        "dataset": str(version),
        "dataset_url": f"/datasets/{version.dataset_id}/",
        "episodes": version.episodes,
        "base": made(training.base),
        "recipe": str(training.config.get("recipe", "")),
        "step": training.step,
        "total": training.total,
        "doing": training.doing if training.state == "running" else "",
        "waits": _waits(place, running, waiting) if place else "",
        "place": place,
        "remaining": remaining(training) if training.state == "running" else None,
        "asked_by": training.asked_by.shown if training.asked_by else "",
        "asked_at": training.asked_at,
        "began_at": training.began_at,
        "ended_at": training.ended_at,
        "heard_s": (timezone.now() - heard).total_seconds() if heard else None,
        "problem": training.problem,
        "problem_code": training.problem_code,
        "next_action": training.next_action,
        "cancelled_by": training.cancelled_by,
        "made": made(result),
        "held_out": training.figures.get("held_out"),
        "may_cancel": may_cancel and training.state in ("queued", "running") and not training.cancelled_by,
    }


def _waits(place: int, running: list[Training], waiting: list[Training]) -> str:
    if place > 1:
        return f"Waits behind {waiting[place - 2].name}: trainings are done in the order in which they were asked for."
    if running:
        return f"Waits for a train worker: {running[0].name} is being learnt by {running[0].owner or 'one'}."
    if Training.objects.filter(state="running").exists():  # of others, whose trainings are not shown here
        return "Waits for a train worker: those that run are busy with trainings of others."
    return "Waits for a train worker. None has taken it yet; start one where none runs."


def made(policy: PolicyVersion | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    return {"id": policy.pk, "shown": policy.shown, "url": f"/policies/{policy.pk}/", "stage": policy.stage}


def detail(training: Training, may_cancel: bool, seen: QuerySet[Training]) -> dict[str, Any]:
    """`seen`: those that whoever asks may know of."""
    running, waiting = list(seen.filter(state="running")), list(seen.filter(state="queued").order_by("asked_at", "pk"))
    beside = seen.exclude(pk=training.pk).exclude(state="queued")
    return row(training, may_cancel, running, waiting) | {
        "dataset_digest": training.dataset_digest,
        "config": {name: value for name, value in training.config.items() if value not in ("", {}, [])},
        "seed": training.seed,
        "code_version": training.code_version,
        "machine": training.machine,
        "resumed": training.resumed,
        "figures": training.figures,
        "compared": [
            {"id": one.pk, "shown": one.name, "url": f"/trainings/{one.pk}/", "stage": one.state}
            for one in beside.filter(dataset_version__dataset=training.dataset_version.dataset_id).order_by("-asked_at")[:8]
        ],
    }


# -- metrics ---------------------------------------------------------------------------------------


def curves(training: Training, after: int) -> dict[str, Any]:
    """Whole lines from this byte on; a line that is being written waits for the next question."""
    path = training.folder / METRICS
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            file.seek(min(after, size))
            raw = file.read(MOST_BYTES)
    except FileNotFoundError:
        return {"lines": [], "next": 0, "more": False}
    whole = raw[: raw.rfind(b"\n") + 1]
    end = min(after, size) + len(whole)
    return {"lines": _parsed(whole), "next": end, "more": bool(whole) and end < size}


def _parsed(raw: bytes) -> list[dict[str, Any]]:
    lines = []
    for line in raw.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:  # what a kill has cut off
            continue
    return lines


def remaining(training: Training) -> dict[str, Any] | None:
    """From the pace of the last steps since it was last begun; None while nothing is known."""
    path = training.folder / METRICS
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            lines = _parsed(file.read())
    except FileNotFoundError:
        return None
    begun = max((index for index, line in enumerate(lines) if line.get("event") == "began"), default=-1)
    steps = [line for line in lines[begun + 1 :] if line.get("event") == "step"]
    if len(steps) < 2:
        return None
    last = steps[-1]
    first = next(line for line in steps if last["step"] - line["step"] <= BASIS)
    done, took_s = last["step"] - first["step"], last["at"] - first["at"]
    if done <= 0 or took_s <= 0:
        return None
    return {"seconds": max(0.0, (training.total - last["step"]) * took_s / done), "basis": done}


# -- samples ---------------------------------------------------------------------------------------


def samples(training: Training) -> dict[str, Any]:
    folder = training.folder / "samples"
    try:
        frames = json.loads((folder / "frames.json").read_text())
        said = _some(folder / "said.jsonl")
    except FileNotFoundError:
        return {"frames": [], "said": []}
    by_step = {line["step"]: line for line in said}  # one that went on says some of it twice
    steps = sorted(by_step)
    kept = steps if len(steps) <= MOST_SAID else [steps[round(i * (len(steps) - 1) / (MOST_SAID - 1))] for i in range(MOST_SAID)]
    return {"frames": frames, "said": [by_step[step] for step in kept]}


def _some(path: Path) -> list[dict[str, Any]]:
    """All lines of a small file; of a large one the first, the newest and some between, without reading the rest."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= MOST_BYTES:
            return _parsed(file.read(MOST_BYTES))
        raw = file.readline(TAIL)
        for place in range(1, MOST_SAID - 1):
            file.seek(place * size // (MOST_SAID - 1))
            file.readline(TAIL)  # the end of a line that began before
            raw += file.readline(TAIL)
        file.seek(size - TAIL)
        newest = _parsed(file.read(TAIL).partition(b"\n")[2])
    return _parsed(raw) + newest[-1:]


def picture(training: Training, frame: int, camera: str) -> Path:
    return training.folder / "samples" / f"{frame}.{camera}.jpg"


def visible(who: Person, roles: tuple[str, ...]) -> TrainingQuerySet:
    return (
        Training.objects.for_person(who, roles)
        .select_related("dataset_version__dataset", "organisation", "asked_by", "base", "made")
        .defer("dataset_version__manifest", "base__card", "made__card")
    )
