"""What was made from what: for pages of datasets, and for the record of what a person's data had gone into."""

from __future__ import annotations

from django.db.models import QuerySet

from policies.models import Training


def users_of(versions: list[int]) -> list[dict[str, str]]:
    """[{kind, id, name, version}] of every training that learnt from these dataset versions and every policy that came of it,
    and of those that went on from such a policy."""
    found: list[dict[str, str]] = []
    seen: set[str] = set()
    rows = Training.objects.filter(dataset_version__in=versions).exclude(state="queued")
    while trainings := [row for row in _described(rows) if row.pk not in seen]:
        seen.update(row.pk for row in trainings)
        for row in trainings:
            version = str(row.dataset_version)
            found.append({"kind": "training", "id": row.pk, "name": row.name, "version": version})
            if (made := getattr(row, "made", None)) is not None:
                found.append({"kind": "policy", "id": made.pk, "name": made.shown, "version": version})
        rows = Training.objects.filter(base__training__in=[row.pk for row in trainings]).exclude(state="queued")
    return found


def _described(rows: QuerySet[Training]) -> QuerySet[Training]:
    return rows.select_related("dataset_version__dataset", "made").defer("dataset_version__manifest").order_by("asked_at")
