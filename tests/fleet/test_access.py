"""Who may do what, and how quickly a lost right is felt."""

from __future__ import annotations

import asyncio

import pytest
from django.db import OperationalError

from fleet.access import ABILITIES, Ability, Access, administers, may, only_to_stop, read_rights, robots_for
from fleet.fresh import Fresh
from fleet.models import Membership, Organisation, Robot, Role, Site
from tests.fleet.conftest import Lab
from tests.fleet.rig import make_robot

TABLE: dict[str, str] = {
    "viewer": "see stop",
    "operator": "see stop drive clear review",
    "dispatcher": "see stop dispatch",
    "reviewer": "see stop review curate",
    "engineer": "see stop drive clear review curate train",
    "admin": "see stop drive clear review curate dispatch train administer",
}
ALL: tuple[Ability, ...] = ("see", "stop", "drive", "clear", "review", "curate", "dispatch", "train", "administer")


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("ability", ALL)
def test_each_role_may_what_the_table_says_and_nothing_else(lab: Lab, role: str, ability: Ability) -> None:
    expected = ability in TABLE[role].split()
    assert (ability in ABILITIES[role]) is expected
    assert may(lab.people[role], lab.robot, ability) is expected
    assert (ability in read_rights().get(lab.people[role].uid, {}).get(lab.robot.pk, ())) is expected


@pytest.mark.parametrize("ability", ALL)
def test_an_administrator_of_another_organisation_may_nothing_here(lab: Lab, ability: Ability) -> None:
    assert not may(lab.outsider, lab.robot, ability)
    assert lab.robot.pk not in read_rights()[lab.outsider.uid]


def test_a_role_at_one_site_does_not_reach_another(lab: Lab) -> None:
    east = Site.objects.create(organisation=lab.organisation, name="East")
    there, _ = make_robot(east, "kestrel-9")
    Membership.objects.filter(person=lab.people["operator"]).update(site=east)
    assert list(robots_for(lab.people["operator"], "drive")) == [there]
    assert set(read_rights()[lab.people["operator"].uid]) == {there.pk}


def test_roles_add_up(lab: Lab) -> None:
    Membership.objects.create(person=lab.people["viewer"], organisation=lab.organisation, site=lab.site, role=Role.DISPATCHER)
    assert may(lab.people["viewer"], lab.robot, "dispatch") and not may(lab.people["viewer"], lab.robot, "drive")


def test_nobody_may_anything_at_a_revoked_robot_or_when_deactivated(lab: Lab) -> None:
    admin = lab.people["admin"]
    admin.is_active = False
    admin.save()
    assert not may(admin, lab.robot, "see") and admin.uid not in read_rights()
    Robot.objects.filter(pk=lab.robot.pk).update(revoked_at="2026-01-01T00:00Z")
    assert not may(lab.people["viewer"], lab.robot, "see") and lab.people["viewer"].uid not in read_rights()


def test_a_superuser_without_a_role_sees_no_robot(lab: Lab) -> None:
    """Administering the site is one thing, an organisation's robots another."""
    lab.outsider.is_superuser = True
    lab.outsider.save()
    assert lab.robot not in robots_for(lab.outsider)


def test_only_administrators_administer(lab: Lab) -> None:
    assert [role for role in Role.values if administers(lab.people[role])] == ["admin"]


def test_a_membership_is_there_once(lab: Lab) -> None:
    from django.db import IntegrityError

    with pytest.raises(IntegrityError):
        Membership.objects.create(person=lab.people["viewer"], organisation=lab.organisation, role=Role.VIEWER)


def test_organisations_of_the_same_name_cannot_be_confused(lab: Lab) -> None:
    from django.db import IntegrityError

    with pytest.raises(IntegrityError):
        Organisation.objects.create(name="Lab")


# -- the answers sockets share ---------------------------------------------------------------------


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Source:
    """What the database would say; counts how often it is asked."""

    def __init__(self) -> None:
        self.value, self.asked, self.away = 1, 0, False

    def __call__(self) -> int:
        self.asked += 1
        if self.away:
            raise OperationalError("away")
        return self.value


async def test_many_who_ask_cost_one_query_a_second() -> None:
    source, clock = Source(), Clock()
    fresh = Fresh(source, 0, clock=clock)
    assert await asyncio.gather(*(fresh.get() for _ in range(50))) == [1] * 50  # the first waits, and so do the others
    source.value = 2
    clock.now_s += 0.9
    assert (await fresh.get(), source.asked) == (1, 1)
    clock.now_s += 0.1
    assert (await fresh.get(), source.asked) == (2, 2)


async def test_what_was_known_holds_for_five_seconds_without_the_database() -> None:
    source, clock = Source(), Clock()
    fresh = Fresh(source, 0, stale=lambda value: -value, clock=clock)
    await fresh.get()
    source.away = True
    clock.now_s += 4.0
    assert await fresh.get() == 1
    clock.now_s += 2.0
    assert await fresh.get() == -1
    source.away = False
    clock.now_s += 1.0
    assert await fresh.get() == 1


async def test_forgetting_reads_again_at_once() -> None:
    source = Source()
    fresh = Fresh(source, 0, clock=Clock())
    await fresh.get()
    source.value = 7
    fresh.forget()
    assert await fresh.get() == 7


def test_without_the_database_only_looking_and_stopping_are_left() -> None:
    rights = {"p": {"r": ABILITIES["admin"]}, "q": {"r": ABILITIES["viewer"]}}
    assert only_to_stop(rights) == {"p": {"r": frozenset({"see", "stop"})}, "q": {"r": frozenset({"see", "stop"})}}


@pytest.mark.django_db(transaction=True)
async def test_a_lost_role_is_felt_at_the_next_reading(lab: Lab) -> None:
    access, operator = Access(), lab.people["operator"]
    assert await access.may(operator.uid, lab.robot.pk, "drive")
    await Membership.objects.filter(person=operator).adelete()
    access.forget()
    assert not await access.may(operator.uid, lab.robot.pk, "drive")
    assert not await access.may("nobody", lab.robot.pk, "see")
