"""The newest word of each run, for pages that follow it: short memory in Redis, which may be lost.  The trace has it all."""

from __future__ import annotations

from typing import Any

from fleet import relay

KEPT_S = 60


async def keep(run: str, raw: bytes) -> None:
    await relay.client().set(relay.key("run", run), raw, ex=KEPT_S)


async def read(run: str) -> bytes | None:
    found: Any = await relay.client().get(relay.key("run", run))
    return bytes(found) if found else None
