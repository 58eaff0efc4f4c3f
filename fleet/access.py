"""Who may do what, in one table; and a copy of the answers for sockets that is at most a second old."""

from __future__ import annotations

from typing import Literal

from django.db import connection
from django.db.models import Q, QuerySet

from fleet.fresh import Fresh
from fleet.models import Membership, Person, Robot, RobotQuerySet, Site

Ability = Literal["see", "stop", "drive", "clear", "review", "curate", "dispatch", "run", "train", "administer"]
_SEE: frozenset[Ability] = frozenset({"see", "stop"})  # stopping is the safe direction: whoever sees a robot may stop it
ABILITIES: dict[str, frozenset[Ability]] = {
    "viewer": _SEE,
    "operator": _SEE | {"drive", "clear", "review", "run"},
    "dispatcher": _SEE | {"dispatch", "run"},
    "reviewer": _SEE | {"review", "curate"},
    "engineer": _SEE | {"drive", "clear", "review", "curate", "run", "train"},
    "admin": _SEE | {"drive", "clear", "review", "curate", "dispatch", "run", "train", "administer"},
}
REFRESH_S = 0.6  # with the time until somebody asks, a lost right is felt within a second
Rights = dict[str, dict[str, frozenset[Ability]]]  # person uid -> robot id -> abilities


def roles_with(ability: Ability) -> tuple[str, ...]:
    return tuple(role for role, abilities in ABILITIES.items() if ability in abilities)


def robots_for(person: Person, ability: Ability = "see") -> RobotQuerySet:
    return Robot.objects.live().for_person(person, roles_with(ability))


def sites_for(person: Person, ability: Ability = "see") -> QuerySet[Site]:
    """Sites at which the person has a role with this ability, there or in the whole organisation."""
    memberships = Membership.objects.filter(person=person, role__in=roles_with(ability))
    everywhere = memberships.filter(site=None).values("organisation")
    here = memberships.exclude(site=None).values("site")
    return Site.objects.filter(Q(organisation__in=everywhere) | Q(pk__in=here))


def may(person: Person, robot: Robot, ability: Ability) -> bool:
    return robots_for(person, ability).filter(pk=robot.pk).exists()


def administers(person: Person) -> bool:
    return Membership.objects.filter(person=person, role__in=roles_with("administer")).exists()


class Access:
    """Rights by person, read again by one query each `REFRESH_S` while anybody asks.  Used by sockets, per message."""

    def __init__(self) -> None:
        self._rights: Fresh[Rights] = Fresh(read_rights, {}, stale=only_to_stop, every_s=REFRESH_S)

    async def may(self, person: str, robot: str, ability: Ability) -> bool:
        """Whether the person (uid) may; what is not known is not allowed."""
        return ability in (await self.robots(person)).get(robot, frozenset())

    async def robots(self, person: str) -> dict[str, frozenset[Ability]]:
        """Abilities by robot id."""
        return (await self._rights.get()).get(person, {})

    def forget(self) -> None:
        """The next question reads again (after a change made in this process)."""
        self._rights.forget()


def only_to_stop(rights: Rights) -> Rights:
    """What is left when nobody can say any more who may do what: looking, and the safe direction."""
    return {person: {robot: may & _SEE for robot, may in robots.items()} for person, robots in rights.items()}


def read_rights() -> Rights:
    """Everybody's abilities, by one query: memberships joined with the live robots of their site or organisation."""
    rights: Rights = {}
    for person, role, robot in _pairs():
        mine = rights.setdefault(person, {})
        mine[robot] = mine.get(robot, frozenset()) | ABILITIES.get(role, frozenset())
    return rights


def _pairs() -> list[tuple[str, str, str]]:
    """(person uid, role, robot id) of everybody who has a role at a robot."""
    query = """SELECT p.uid, m.role, r.id
           FROM fleet_robot r
           JOIN fleet_site s ON s.id = r.site_id
           JOIN fleet_membership m ON m.organisation_id = s.organisation_id AND (m.site_id IS NULL OR m.site_id = s.id)
           JOIN fleet_person p ON p.id = m.person_id AND p.is_active
           WHERE r.revoked_at IS NULL"""
    with connection.cursor() as cursor:  # bare rows: there are people x robots of them, each second
        cursor.execute(query)
        return list(cursor.fetchall())


access = Access()
