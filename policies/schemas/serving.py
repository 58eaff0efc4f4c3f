"""The JSON of what serves a policy: GET `/api/policies/<id>/serving`."""

from __future__ import annotations

from datetime import datetime

from ninja import Schema


class HealthOut(Schema):
    """Latencies in ms, from a question's arrival to its answer; `robots` were answered in the last ten seconds."""

    batches: int
    answered: int
    troubles: int
    dropped: int
    robots: int
    last_batch_at: datetime | None
    batch_mean: float | None
    p50_ms: float | None
    p99_ms: float | None
    thought_p50_ms: float | None
    memory_mb: int


class ServerOut(Schema):
    """`health` is null while it does not answer."""

    id: str
    place: int
    state: str
    owner: str
    began_at: datetime | None
    ready_at: datetime | None
    deaths: int
    problem: str
    health: HealthOut | None


class ServingOut(Schema):
    """`asking` robots have asked in the last minute, `waiting` wait this moment.  `unknown` says why that is not known."""

    policy: str
    asking: int
    waiting: int
    servers: list[ServerOut]
    unknown: str
