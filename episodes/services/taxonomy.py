"""The kinds of failure of an organisation: what is offered, and how people change it.  Permission was checked before."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Case, F, Value, When

from episodes.models import FAILURES, Episode, Review, Taxonomy
from fleet import audit
from fleet.models import Organisation, Person
from protocol.errors import Refused

MOST = 40


def failures(organisation: int) -> tuple[list[str], int]:
    """The kinds in the order they are offered, and their version; 0 while nobody has changed them."""
    row = Taxonomy.objects.filter(pk=organisation).first()
    return (list(row.failures), row.version) if row else (list(FAILURES), 0)


def replace(organisation: Organisation, version: int, wanted: Sequence[tuple[str, str]], person: Person) -> tuple[list[str], int]:
    """All kinds anew, each as (name, what it was called): a new name is given to the episodes that have the old one.

    Kinds that are left out are no longer offered; episodes keep theirs.  `Refused("invalid_field:kinds")`,
    `Refused("stale_version")`.
    """
    kinds = [" ".join(name.split()) for name, _ in wanted]
    _check(kinds)
    with transaction.atomic():
        before, seen = failures(organisation.pk)
        Taxonomy.objects.get_or_create(pk=organisation.pk, defaults={"failures": before, "version": 0})
        row = Taxonomy.objects.filter(pk=organisation.pk, version=version)
        if seen != version or not row.update(version=F("version") + 1, failures=kinds):
            raise Refused("stale_version", "Somebody changed the kinds of failure meanwhile. Look at them again, then repeat.")
        renamed = {was: name for name, (_, was) in zip(kinds, wanted, strict=True) if was in before and was != name}
        if renamed:
            _rename(organisation, renamed)
        audit.append(person.shown, "failure_kinds_changed", "", organisation.pk, kinds=kinds, renamed=renamed)
    return failures(organisation.pk)


def _rename(organisation: Organisation, renamed: dict[str, str]) -> None:
    """In one statement each, so that two kinds can change places."""
    new = Case(*(When(failure=was, then=Value(name)) for was, name in renamed.items()))
    Episode.objects.filter(organisation=organisation, failure__in=renamed).update(failure=new, version=F("version") + 1)
    Review.objects.filter(episode__organisation=organisation, failure__in=renamed).update(failure=new)


def _check(kinds: Sequence[str]) -> None:
    if not 1 <= len(kinds) <= MOST or len({kind.casefold() for kind in kinds}) != len(kinds):
        raise Refused("invalid_field:kinds", f"Name 1 to {MOST} kinds of failure, each once.")
    for kind in kinds:
        if not 1 <= len(kind) <= 40 or not kind.isprintable():
            raise Refused("invalid_field:kinds", "A kind of failure has 1 to 40 visible characters.")
