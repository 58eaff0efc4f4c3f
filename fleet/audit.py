"""The audit log: an append-only chain of hashes, so that a changed or missing row shows."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from fleet.models import AuditEntry, Organisation

START = "0" * 64


def digest(entry: AuditEntry, before: str) -> str:
    """sha256 over the chain so far and every field of the entry."""
    fields = [
        before,
        entry.number,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.organisation_id,
        entry.actor,
        entry.act,
        entry.subject,
        json.dumps(_exact(entry.detail), sort_keys=True, separators=(",", ":")),
    ]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


def append(actor: str, act: str, subject: str = "", organisation: int | None = None, **detail: Any) -> AuditEntry:
    """Adds one entry.  Two at once wait for each other, so that numbers have no gaps."""
    with transaction.atomic():
        _lock()
        last = AuditEntry.objects.order_by("-number").first()
        entry = AuditEntry(
            number=last.number + 1 if last else 1,
            at=datetime.now(UTC),
            organisation_id=organisation,
            actor=_storable(actor)[:120],
            act=_storable(act)[:60],
            subject=_storable(subject)[:120],
            detail=_storable(json.loads(json.dumps(detail, default=str))),
        )
        entry.chain = digest(entry, last.chain if last else START)
        entry.save(force_insert=True)
    return entry


def _storable(value: Any) -> Any:
    """Without what one of the databases cannot keep: NUL and lone surrogates in text, NaN and infinities."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    return [_storable(inner) for inner in value] if isinstance(value, list) else value


def _exact(value: Any) -> Any:
    """Numbers as text that is the same before and after a database has kept them (1e3, 1000.0 and 1000 are one)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"#{int(value)}" if value == int(value) else f"#{value!r}"
    if isinstance(value, dict):
        return {name: _exact(inner) for name, inner in value.items()}
    return [_exact(inner) for inner in value] if isinstance(value, list) else value


def _lock() -> None:
    """SQLite's transactions are IMMEDIATE already; PostgreSQL waits on a lock of our own."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [0x5245494E])
    else:
        Organisation.objects.filter(pk=-1).update(name="")  # takes the write lock before the last number is read


def problems() -> Iterator[str]:
    """One sentence for each row that is tampered with or missing."""
    before, expected = START, 1
    for entry in AuditEntry.objects.order_by("number").iterator():
        if entry.number != expected:
            yield f"Entries {expected} to {entry.number - 1} are missing."
        elif entry.chain != digest(entry, before):
            yield f"Entry {entry.number} ({entry.at:%Y-%m-%d %H:%M:%S} {entry.actor} {entry.act}) was changed."
        before, expected = entry.chain, entry.number + 1


def head() -> dict[str, Any]:
    last = AuditEntry.objects.order_by("-number").first()
    return {"number": last.number if last else 0, "chain": last.chain if last else START}
