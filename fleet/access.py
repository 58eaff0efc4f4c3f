"""Who may do what, in one table; and a copy of the answers for sockets that is at most a second old."""

from __future__ import annotations

import time
from typing import Any, Literal

from asgiref.sync import sync_to_async

from fleet.models import Membership, Person, Robot, RobotQuerySet

Ability = Literal["see", "stop", "drive", "clear", "review", "dispatch", "train", "administer"]
_SEE: frozenset[Ability] = frozenset({"see", "stop"})  # stopping is the safe direction: whoever sees a robot may stop it
ABILITIES: dict[str, frozenset[Ability]] = {
    "viewer": _SEE,
    "operator": _SEE | {"drive", "clear", "review"},
    "dispatcher": _SEE | {"dispatch"},
    "reviewer": _SEE | {"review"},
    "engineer": _SEE | {"drive", "clear", "review", "train"},
    "admin": _SEE | {"drive", "clear", "review", "dispatch", "train", "administer"},
}
REFRESH_S = 1.0


def roles_with(ability: Ability) -> tuple[str, ...]:
    return tuple(role for role, abilities in ABILITIES.items() if ability in abilities)


def robots_for(person: Person, ability: Ability = "see") -> RobotQuerySet:
    return Robot.objects.live().for_person(person, roles_with(ability))


def may(person: Person, robot: Robot, ability: Ability) -> bool:
    return robots_for(person, ability).filter(pk=robot.pk).exists()


def administers(person: Person) -> bool:
    return Membership.objects.filter(person=person, role__in=roles_with("administer")).exists()


class Access:
    """Rights by person, read again by one query a second while anybody asks.  Used by sockets, per message."""

    def __init__(self) -> None:
        self._rights: dict[str, dict[str, frozenset[Ability]]] = {}
        self._read_s = float("-inf")

    async def may(self, person: str, robot: str, ability: Ability) -> bool:
        """Whether the person (uid) may; what is not known is not allowed."""
        await self.fresh()
        return ability in self._rights.get(person, {}).get(robot, frozenset())

    async def robots(self, person: str) -> dict[str, frozenset[Ability]]:
        """Abilities by robot id."""
        await self.fresh()
        return self._rights.get(person, {})

    async def fresh(self) -> None:
        if time.monotonic() - self._read_s >= REFRESH_S:
            self._read_s = time.monotonic()
            self._rights = await sync_to_async(read_rights)()

    def forget(self) -> None:
        """The next question reads again (after a change made in this process)."""
        self._read_s = float("-inf")


def read_rights() -> dict[str, dict[str, frozenset[Ability]]]:
    """Everybody's abilities, by one query: memberships joined with the live robots of their site or organisation."""
    rights: dict[str, dict[str, frozenset[Ability]]] = {}
    for person, role, robot in _pairs():
        mine = rights.setdefault(person, {})
        mine[robot] = mine.get(robot, frozenset()) | ABILITIES.get(role, frozenset())
    return rights


def _pairs() -> list[tuple[str, str, str]]:
    """(person uid, role, robot id) of everybody who has a role at a robot."""
    query: Any = Robot.objects.raw(
        """SELECT r.id, p.uid AS person_uid, m.role AS member_role
           FROM fleet_robot r
           JOIN fleet_site s ON s.id = r.site_id
           JOIN fleet_membership m ON m.organisation_id = s.organisation_id AND (m.site_id IS NULL OR m.site_id = s.id)
           JOIN fleet_person p ON p.id = m.person_id AND p.is_active
           WHERE r.revoked_at IS NULL"""
    )
    return [(row.person_uid, row.member_role, row.id) for row in query]


access = Access()
