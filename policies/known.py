"""What the sockets of a process know of policies and their servers: read at most once or twice a second, shared by all robots."""

from __future__ import annotations

import time
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.utils import timezone

from fleet import relay
from fleet.fresh import Fresh
from policies.models import PolicyServer, PolicyVersion
from policies.services import serving
from policies.serving.health import Health, alive
from policies.serving.recent import places
from protocol.errors import Refused

HEALTH_S = 0.25  # how long what Redis said of a policy's servers holds
ASKED_AGAIN_S = 1.0  # for a server, while there is none
WAITS_S = 5.0  # for a worker: then there is none that is free


@dataclass(frozen=True, slots=True)
class Known:
    """A policy as far as questions to it need."""

    id: str
    shown: str
    organisation: int
    kinds: frozenset[str]
    gone: str  # why it may not be used; empty while it may


def read_policies() -> dict[str, Known]:
    return {
        row.pk: Known(row.pk, row.shown, row.organisation_id, frozenset(row.kinds), _gone(row))
        for row in PolicyVersion.objects.defer("card", "cameras")
    }


def _gone(row: PolicyVersion) -> str:
    if row.withdrawn_reason:
        return f"{row.shown} was withdrawn: {row.withdrawn_reason}. Choose another policy."
    return f"{row.shown} was retired. Choose another policy, or bring it back on its page." if row.stage == "retired" else ""


def read_servers() -> dict[str, list[PolicyServer]]:
    found: dict[str, list[PolicyServer]] = {}
    for row in PolicyServer.objects.exclude(state="done").order_by("place"):
        found.setdefault(row.policy_id, []).append(row)
    return found


policies: Fresh[dict[str, Known]] = Fresh(read_policies, {})
servers: Fresh[dict[str, list[PolicyServer]]] = Fresh(read_servers, {}, every_s=0.5)


async def find(policy: str, organisation: int, kind: str) -> Known:
    """The policy that a robot of this organisation and kind may ask.  Refused: `policy_missing`, `policy_embodiment`."""
    known = (await policies.get()).get(policy)
    if known is None or known.organisation != organisation:
        sentence = "There is no such policy in this robot's organisation. Choose one that is under Policies."
        raise Refused("policy_missing", sentence)
    if known.gone:
        raise Refused("policy_missing", known.gone)
    if known.kinds and kind not in known.kinds:
        raise Refused("policy_embodiment", f"{known.shown} was made for another kind of robot. Choose another policy.")
    return known


class Served:
    """Whether policies are answered now, and what is said where they are not."""

    def __init__(self) -> None:
        self._health: dict[str, tuple[float, list[Health]]] = {}
        self._asked_s: dict[str, float] = {}

    def forget(self) -> None:
        self._health.clear()
        self._asked_s.clear()

    async def health(self, policy: str) -> list[Health]:
        """Of the servers that answer.  Raises redis' errors."""
        now_s = time.monotonic()
        read_s, found = self._health.get(policy, (float("-inf"), []))
        if now_s - read_s < HEALTH_S:
            return found
        found = alive(await relay.client().hgetall(places().health(policy)))
        self._health[policy] = now_s, found
        return found

    async def check(self, policy: Known) -> None:
        """Refused where no server answers: `policy_loading`, `no_server`, or what went wrong.  One is asked for then."""
        if await self.health(policy.id):
            return
        now_s = time.monotonic()
        if now_s - self._asked_s.get(policy.id, float("-inf")) >= ASKED_AGAIN_S:
            self._asked_s[policy.id] = now_s
            await sync_to_async(serving.want)(policy.id)
            servers.forget()
        raise why_not(policy, (await servers.get()).get(policy.id, []))


def why_not(policy: Known, rows: list[PolicyServer]) -> Refused:
    """In words, from the rows of a policy that nobody answers for."""
    running = [row for row in rows if row.state == "running"]
    if running and running[0].ready_at is not None:
        sentence = f"The server of {policy.shown} at {running[0].owner} has fallen silent and is replaced within seconds."
        return Refused("no_server", sentence)
    if running:
        return Refused("policy_loading", f"{policy.shown} is being loaded by {running[0].owner}. Ask again in a moment.")
    if failed := next((row for row in rows if row.state == "failed"), None):
        return Refused(failed.problem_code or "no_server", failed.problem or f"The server of {policy.shown} failed.")
    queued = next((row for row in rows if row.state == "queued"), None)
    if queued is not None and (timezone.now() - queued.asked_at).total_seconds() > WAITS_S:
        sentence = f"No inference worker is free for {policy.shown}. Start one, or wait until another policy rests."
        return Refused("no_server", sentence)
    return Refused("policy_loading", f"A server of {policy.shown} is being started. Ask again in a moment.")


served = Served()
