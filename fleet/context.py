"""What the frame of every page shows: who is signed in, where, and whether they administer."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from fleet.access import administers
from fleet.models import Organisation, Person


def shell(request: HttpRequest) -> dict[str, Any]:
    person = getattr(request, "user", None)
    if not isinstance(person, Person):
        return {"shell": {"person": "", "me": "", "organisation": "", "admin": False}}
    names = Organisation.objects.filter(memberships__person=person).distinct().values_list("name", flat=True)
    return {
        "shell": {
            "person": person.shown,
            "me": person.uid,
            "organisation": ", ".join(names) or "No organisation",
            "admin": administers(person),
        }
    }
