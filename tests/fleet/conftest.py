"""An organisation with a site, one person for each role, and an outsider; nothing remembered from the test before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import redis
from channels.layers import channel_layers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.cache import cache

from fleet import robot_socket, robots
from fleet.access import access
from fleet.live import live
from fleet.models import Membership, Organisation, Person, Robot, Role, Site
from fleet.sessions import sessions
from policies import known
from policies.answers import answers
from teleop import presence
from tests.fleet.rig import OPEN, make_robot

PASSWORD = "correct horse"


@dataclass
class Lab:
    """`people` by role; `outsider` is administrator of another organisation, which has a robot of its own."""

    organisation: Organisation
    site: Site
    people: dict[str, Person]
    outsider: Person
    robot: Robot
    key: Ed25519PrivateKey
    foreign: Robot


def make_lab() -> Lab:
    organisation = Organisation.objects.create(name="Lab")
    site = Site.objects.create(organisation=organisation, name="West")
    people = {}
    for role in Role.values:
        people[role] = Person.objects.create_user(role, f"{role}@lab.example", PASSWORD)
        Membership.objects.create(person=people[role], organisation=organisation, role=role)
    elsewhere = Organisation.objects.create(name="Elsewhere")
    far = Site.objects.create(organisation=elsewhere, name="Far")
    outsider = Person.objects.create_user("outsider", "o@elsewhere.example", PASSWORD)
    Membership.objects.create(person=outsider, organisation=elsewhere, role=Role.ADMIN)
    robot, key = make_robot(site, "kestrel-1")
    foreign, _ = make_robot(far, "heron-1")
    return Lab(organisation, site, people, outsider, robot, key, foreign)


@pytest.fixture
def lab(transactional_db: None) -> Lab:
    return make_lab()


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What a process remembers for a second belongs to one test."""
    access.forget()
    robots.roster.forget()
    sessions.forget()
    presence.sessions.forget()
    presence.missing.forget()
    known.policies.forget()
    known.servers.forget()
    known.served.forget()
    live.robots.clear()
    channel_layers.backends.clear()  # its locks belong to the event loop of the test before
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
async def hung_up() -> AsyncIterator[None]:
    """Every socket of the test is gone and the shared subscriber has ended before the loop does."""
    yield
    for socket in OPEN:
        await socket.hang_up()
    OPEN.clear()
    await live.end()
    await answers.end()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same rules with shorter waits."""
    for name, seconds in (("LOOK_S", 0.05), ("IN_FLIGHT_S", 0.05), ("AGAIN_S", 0.1), ("TWIN_S", 0.6), ("NEW_S", 0.2)):
        monkeypatch.setattr(robot_socket, name, seconds)
    monkeypatch.setattr(robots.roster, "_every_s", 0.05)
    yield
