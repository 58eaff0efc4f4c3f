"""Which sign-ins are still good, at most a second old: one look at the database a second for all sockets of a process.

A session ends by signing out, by a new password, by being deactivated, or by time.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import Error
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from fleet.models import Person

log = logging.getLogger(__name__)
REFRESH_S = 0.6  # with the sockets' own looking, a session that ended is felt within a second
FORGET_S = 30.0  # a key that nobody asked about for this long is no longer looked up


@dataclass(frozen=True)
class SignedIn:
    """The person of a session: primary key and public id."""

    pk: int
    uid: str


class Sessions:
    """While the database is away what was known last still holds: what a person may do is decided elsewhere."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}
        self._known: dict[str, SignedIn | None] = {}
        self._read_s = float("-inf")

    async def who(self, key: str) -> SignedIn | None:
        """Whom session `key` signs in, None when nobody."""
        if not key:
            return None
        now_s = time.monotonic()
        self._asked[key] = now_s
        if key not in self._known:
            self._known.update(await _look_up([key]))
        elif now_s - self._read_s >= REFRESH_S:
            self._read_s = now_s
            self._asked = {asked: at_s for asked, at_s in self._asked.items() if now_s - at_s < FORGET_S}
            found = await _look_up(list(self._asked))
            self._known = {asked: found.get(asked, self._known.get(asked)) for asked in self._asked}
        return self._known.get(key)

    async def valid(self, key: str, person: int) -> bool:
        """Whether session `key` still signs in the person with this primary key."""
        found = await self.who(key)
        return found is not None and found.pk == person

    def forget(self) -> None:
        """Everything is looked up again when somebody asks."""
        self._asked, self._known = {}, {}


async def _look_up(keys: list[str]) -> dict[str, SignedIn | None]:
    try:
        return await sync_to_async(look_up)(keys)
    except Error as error:
        log.warning("The database does not answer (%s)", error)
        return {}


def look_up(keys: list[str]) -> dict[str, SignedIn | None]:
    """The person of each key that is good now, None for the others."""
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    data = {row.session_key: row.get_decoded() for row in rows}
    wanted = {int(values[SESSION_KEY]) for values in data.values() if SESSION_KEY in values}
    people = {person.pk: person for person in Person.objects.filter(pk__in=wanted, is_active=True)}
    found: dict[str, SignedIn | None] = dict.fromkeys(keys)
    for key, values in data.items():
        person = people.get(int(values.get(SESSION_KEY, 0)))
        if person and constant_time_compare(values.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash()):
            found[key] = SignedIn(person.pk, person.uid)
    return found


sessions = Sessions()
