"""Which sign-ins are still good, at most a second old: one look at the database a second for all sockets of a process.

A session ends by signing out, by a new password, by being deactivated, or by time.
"""

from __future__ import annotations

import time

from asgiref.sync import sync_to_async
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from fleet.models import Person

REFRESH_S = 1.0
FORGET_S = 30.0  # a key that nobody asked about for this long is no longer looked up


class Sessions:
    def __init__(self) -> None:
        self._asked: dict[str, float] = {}
        self._good: dict[str, int] = {}
        self._read_s = float("-inf")

    async def valid(self, key: str, person: int) -> bool:
        """Whether session `key` still signs in the person with this primary key."""
        if not key:
            return False
        now_s = time.monotonic()
        new = key not in self._asked
        self._asked[key] = now_s
        if new or now_s - self._read_s >= REFRESH_S:
            self._read_s = now_s
            self._asked = {k: at for k, at in self._asked.items() if now_s - at < FORGET_S}
            self._good = await sync_to_async(good_sessions)(list(self._asked))
        return self._good.get(key) == person


def good_sessions(keys: list[str]) -> dict[str, int]:
    """Primary key of the person by session key, of those that are good now."""
    data = {
        row.session_key: row.get_decoded() for row in Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    }
    wanted = {int(values[SESSION_KEY]) for values in data.values() if SESSION_KEY in values}
    people = {person.pk: person for person in Person.objects.filter(pk__in=wanted, is_active=True)}
    good = {}
    for key, values in data.items():
        person = people.get(int(values.get(SESSION_KEY, 0)))
        if person and constant_time_compare(values.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash()):
            good[key] = person.pk
    return good


sessions = Sessions()
