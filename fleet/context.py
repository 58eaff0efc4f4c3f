"""What the frame of every page shows: who is signed in, where, and whether they administer."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from fleet.access import administers
from fleet.models import Organisation, Person


def shell(request: HttpRequest) -> dict[str, Any]:
    """Looked up only when a page shows it: error pages must not need a database."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: HttpRequest) -> dict[str, Any]:
    person = getattr(request, "user", None)
    if not isinstance(person, Person):
        return {"person": "", "me": "", "organisation": "", "admin": False}
    names = Organisation.objects.filter(memberships__person=person).distinct().values_list("name", flat=True)
    return {
        "person": person.shown,
        "me": person.uid,
        "organisation": ", ".join(names) or "No organisation",
        "admin": administers(person),
    }
