"""How datasets, versions, differences and statistics look as JSON (`schemas/datasets.py`).  Changes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q, Sum
from django.urls import reverse

from episodes import storage
from episodes.data import statistics
from episodes.data.checks.signature import near_pairs
from episodes.data.difference import Changed, difference
from episodes.data.gist import read_gist
from episodes.data.manifest import Manifest
from episodes.made_from import users_of
from episodes.models import Dataset, DatasetJob, DatasetVersion, Episode, EpisodePerson, EpisodeSignature
from episodes.services import datasets as services

MOST_SHOWN = 200  # of each list of a difference
SAMPLE = 400  # episodes whose columns are read for the statistics
KEPT_S = 3600
SUMS_KEPT_S = 20


def head(dataset: Dataset) -> dict[str, Any]:
    """`DatasetRow`: one line of the list.  The draft is counted as for its own page, or as that was `SUMS_KEPT_S` ago."""
    kept: dict[str, Any] | None = cache.get(services.sums_key(dataset))
    return _head(dataset, _sums_of_draft(dataset) if kept is None else kept)


def _sums_of_draft(dataset: Dataset) -> dict[str, Any]:
    """All that is counted of a draft, by one look at its episodes; kept for the list."""
    by = {outcome: Count("pk", filter=Q(outcome=outcome)) for outcome in Episode.OUTCOMES}
    found: dict[str, Any] = services.draft(dataset).order_by().aggregate(
        episodes=Count("pk"), total=Sum("seconds"), unreviewed=Count("pk", filter=Q(reviewed_at=None)), **by
    )  # fmt: skip
    cache.set(services.sums_key(dataset), found, SUMS_KEPT_S)
    return found


def _head(dataset: Dataset, draft: dict[str, Any]) -> dict[str, Any]:
    newest = dataset.versions.described().first()
    return {
        "id": dataset.pk,
        "url": reverse("datasets:one", args=[dataset.pk]),
        "name": dataset.name,
        "description": dataset.description,
        "organisation": dataset.organisation.name,
        "site": dataset.site.name if dataset.site else "",
        "episodes": draft["episodes"],
        "seconds": draft["total"] or 0.0,
        "follows": dataset.follows,
        "query": dataset.query,
        "versions": dataset.versions.count(),
        "newest": version_row(newest) if newest else None,
        "made_at": dataset.made_at,
        "made_by": dataset.made_by.shown if dataset.made_by else "",
        "version": dataset.version,
        "removed": dataset.removed_at is not None,
    }


def detail(dataset: Dataset, may_curate: bool) -> dict[str, Any]:
    """`DatasetDetail`."""
    draft = _sums_of_draft(dataset)
    picks = dict(dataset.picks.order_by().values_list("kind").annotate(Count("pk")))
    return _head(dataset, draft) | {
        "validation_share": dataset.validation_share,
        "seed": dataset.seed,
        "weights": dataset.weights,
        "added": picks.get("added", 0),
        "taken_out": picks.get("removed", 0),
        "outcomes": {outcome: draft[outcome] for outcome in Episode.OUTCOMES},
        "unreviewed": draft["unreviewed"],
        "history": [version_row(version) for version in dataset.versions.described()],
        "jobs": [job(one) for one in jobs_of(dataset)],
        "may_curate": may_curate,
    }


def version_row(version: DatasetVersion) -> dict[str, Any]:
    """`VersionRow`."""
    fields = (
        "number", "digest", "reason", "query", "episodes", "rows", "seconds", "frozen_at", "frozen_by", "state",
        "withdrawn_at", "withdrawn_reason",
    )  # fmt: skip
    return {name: getattr(version, name) for name in fields} | {
        "dataset": version.dataset_id,
        "name": str(version),
        "parent": version.parent.number if version.parent else None,
    }


def jobs_of(dataset: Dataset) -> list[DatasetJob]:
    found = DatasetJob.objects.filter(version__dataset=dataset).select_related("version", "version__dataset", "asked_by")
    return list(found.defer("version__manifest")[:20])


def job(row: DatasetJob) -> dict[str, Any]:
    """`Job`."""
    names = ("id", "kind", "state", "asked_at", "done", "total", "step", "problem", "result", "ended_at", "cancelled_by")
    ready = row.kind == "export" and row.state == "done"
    return {name: getattr(row, name) for name in names} | {
        "number": row.version.number,
        "asked_by": row.asked_by.shown if row.asked_by else "",
        "url": reverse("datasets:archive", args=[row.version.dataset_id, row.pk]) if ready else "",
        "expires_at": row.expires_at if ready else None,
    }


def lineage(version: DatasetVersion) -> dict[str, Any]:
    """`Lineage`: what it was made of, and what was made of it."""
    ids = version.members.values("episode")
    robots = list(Episode.objects.filter(pk__in=ids).order_by().values_list("robot__name").annotate(n=Count("pk")))
    people = EpisodePerson.objects.filter(episode__in=ids).values_list("name").annotate(n=Count("pk")).order_by("-n", "name")
    splits = dict(version.members.order_by().values_list("split").annotate(Count("pk")))
    return {
        "version": version_row(version),
        "robots": [{"name": name, "episodes": episodes} for name, episodes in sorted(robots, key=lambda one: (-one[1], one[0]))],
        "people": [{"name": name, "episodes": episodes} for name, episodes in people if name],
        "splits": splits,
        "missing": version.episodes - sum(episodes for _, episodes in robots),
        "children": [version_row(child) for child in version.children.described()],
        "policies": [user["name"] for user in users_of([version]) if user["kind"] == "policy"],
    }


def changes(before: Manifest, after: Manifest) -> dict[str, Any]:
    """`Changes`: counts of everything, and the first `MOST_SHOWN` of each with what a person knows an episode by."""
    found = difference(before, after)
    shown = {id for ids in (found.added, found.removed, found.replaced) for id in ids[:MOST_SHOWN]}
    shown |= {one.id for many in (found.relabelled, found.retrimmed, found.reweighted) for one in many[:MOST_SHOWN]}
    known = {row.pk: row for row in Episode.objects.filter(pk__in=shown).only("pk", "number", "instruction", "outcome")}

    def named(id: str) -> dict[str, Any]:
        row = known.get(id)
        url = reverse("episodes:player", args=[id]) if row else ""
        return {"id": id, "number": row.number if row else 0, "instruction": row.instruction if row else "", "url": url}

    def changed(many: list[Changed]) -> dict[str, Any]:
        items = [
            named(one.id) | {"fields": {name: [_text(was), _text(now)] for name, (was, now) in one.fields.items()}}
            for one in many[:MOST_SHOWN]
        ]
        return {"total": len(many), "items": items}

    def plain(ids: list[str]) -> dict[str, Any]:
        return {"total": len(ids), "items": [named(id) | {"fields": {}} for id in ids[:MOST_SHOWN]]}

    return {
        "same": found.empty,
        "rows_before": before.rows,
        "rows_after": after.rows,
        "added": plain(found.added),
        "removed": plain(found.removed),
        "replaced": plain(found.replaced),
        "relabelled": changed(found.relabelled),
        "retrimmed": changed(found.retrimmed),
        "reweighted": changed(found.reweighted),
    }


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)


# -- statistics ------------------------------------------------------------------------------------


def statistics_of(manifest: Manifest) -> dict[str, Any]:
    """`Statistics`, kept for an hour under the content's hash.

    Sums are over all episodes; distributions, coverage and near-duplicates over a sample of `SAMPLE`, drawn by hash.
    """
    key = f"dataset-statistics:3:{manifest.digest}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None:
        found = _sums(manifest) | _sampled(manifest)
        cache.set(key, found, KEPT_S)
    return found


def _sums(manifest: Manifest) -> dict[str, Any]:
    hz = float(manifest.embodiment["record_hz"])
    tasks: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    for one in manifest.episodes:
        tasks[one.instruction] += 1
        seconds[one.instruction] += one.rows / hz
    return {
        "digest": manifest.digest,
        "episodes": len(manifest.episodes),
        "rows": manifest.rows,
        "seconds": manifest.rows / hz,
        "embodiment": str(manifest.embodiment.get("name", "")),
        "outcomes": dict(Counter(one.outcome for one in manifest.episodes)),
        "qualities": {str(mark): count for mark, count in Counter(one.quality for one in manifest.episodes).items() if mark},
        "splits": dict(Counter(one.split for one in manifest.episodes)),
        "lengths": _lengths([one.rows / hz for one in manifest.episodes]),
        "tasks": [
            {"name": name, "episodes": count, "seconds": seconds[name]} for name, count in tasks.most_common(40)
        ],
    }  # fmt: skip


def _lengths(seconds: list[float]) -> dict[str, Any]:
    most = max(seconds)
    counts = [0] * 24
    for one in seconds:
        counts[min(23, int(one / most * 24)) if most else 0] += 1
    return {"most": most, "counts": counts}


def _sampled(manifest: Manifest) -> dict[str, Any]:
    drawn = sorted(manifest.episodes, key=lambda one: hashlib.sha256(one.id.encode()).digest())[:SAMPLE]
    rows = {
        row.pk: row for row in Episode.objects.filter(pk__in=[one.id for one in drawn]).only("pk", "number", "rows", "findings")
    }
    kept, gists = [], []
    for one in drawn:
        row = rows.get(one.id)
        if row is None:
            continue
        derived = storage.derived(one.id)
        described = row.findings.get("columns", [])
        columns = statistics.read_columns(derived / storage.COLUMNS, described, row.rows, one.first, one.last)
        if columns is not None:
            kept.append((one.id, columns))
        if gist := read_gist(derived / storage.GIST):
            gists.append(gist)
    pairs = near_pairs([(one.episode_id, one.content()) for one in EpisodeSignature.objects.filter(episode__in=list(rows))])
    only = [columns for _, columns in kept]
    return {
        "sampled": len(kept),
        "state": statistics.joints(only, "state"),
        "action": statistics.joints(only, "asked"),
        "cameras": statistics.cameras(gists),
        "coverage": statistics.coverage(only),
        "near_duplicates": [
            {"first": _named(rows[first]), "second": _named(rows[second]), "apart": apart} for first, second, apart in pairs
        ],
        "flagged_duplicates": Episode.objects.filter(
            Q(finding_codes__contains="|near_duplicate|"), pk__in=[one.id for one in manifest.episodes]
        ).count(),
    }


def _named(row: Episode) -> dict[str, Any]:
    return {"id": row.pk, "number": row.number, "url": reverse("episodes:player", args=[row.pk])}
