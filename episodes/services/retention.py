"""How long a site keeps its episodes.  Rules take an episode out of the lists first; after some days of grace it goes for good.

A rule is {kind, days, frozen}: episodes of that kind older than so many days; those in a frozen dataset version stay unless
`frozen` says otherwise, and then the versions are withdrawn.  Kinds: an outcome, `unreviewed` (nobody said here how it
ended), `rejected` (by the check), `removed` (by a person).  Of several rules that name an episode the first one due counts.
Permission was checked by the caller.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from episodes.models import DatasetVersion, Episode, EpisodeQuerySet, Retention, VersionEpisode
from episodes.services import datasets, erasing
from fleet import audit
from fleet.models import Person, Site
from protocol.errors import Refused

MOST_DAYS = 3650
_NAMED = 20  # ids that one audit entry names
SERVER = "server"


@dataclass(frozen=True, slots=True)
class Rule:
    kind: str
    days: int
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a rule would do now.  `kept`: how many stay only because a frozen dataset version holds them."""

    rule: Rule
    episodes: int
    size_bytes: int
    kept: int


def rules_of(row: Retention) -> list[Rule]:
    return [Rule(one["kind"], one["days"], one["frozen"]) for one in row.rules]


def of_site(site: Site) -> Retention:
    return Retention.objects.get_or_create(site=site)[0]


def set_rules(site: Site, version: int, rules: Sequence[Rule], grace_days: int, person: Person) -> Retention:
    """Refused: `invalid_field:rules`, `stale_version`."""
    check(rules)
    row = of_site(site)
    plain = [{"kind": rule.kind, "days": rule.days, "frozen": rule.frozen} for rule in rules]
    with transaction.atomic():
        row.change(version, rules=plain, grace_days=grace_days)
        audit.append(person.shown, "retention_set", site.name, site.organisation_id, rules=plain, grace_days=grace_days)
    return row


def check(rules: Sequence[Rule]) -> None:
    kinds = [rule.kind for rule in rules]
    if len(set(kinds)) != len(kinds) or set(kinds) - set(Retention.KINDS):
        raise Refused("invalid_field:rules", f"One rule each for some of: {', '.join(Retention.KINDS)}.")
    if not all(1 <= rule.days <= MOST_DAYS for rule in rules):
        raise Refused("invalid_field:days", f"Keep episodes for 1 to {MOST_DAYS} days.")


# -- what is due -----------------------------------------------------------------------------------


def due(site: Site, rule: Rule, now: datetime.datetime) -> EpisodeQuerySet:
    """Episodes that the rule takes, frozen ones with them."""
    before = now - datetime.timedelta(days=rule.days)
    there = Episode.objects.there().filter(site=site, purge_at=None)
    if rule.kind == "removed":
        return there.filter(removed_at__lt=before)
    since = Greatest("received_at", Coalesce("kept_from", "received_at"))
    old = there.present().annotate(kept_since=since).filter(kept_since__lt=before)
    if rule.kind == "unreviewed":
        return old.filter(reviewed_at=None)
    return old.filter(status="rejected") if rule.kind == "rejected" else old.filter(outcome=rule.kind)


def _held() -> Exists:
    """A frozen version holds the episode."""
    return Exists(VersionEpisode.objects.filter(episode=OuterRef("pk"), version__state="frozen"))


def taken(site: Site, rule: Rule, now: datetime.datetime) -> EpisodeQuerySet:
    found = due(site, rule, now)
    return found if rule.frozen else found.exclude(_held())


def preview(site: Site, rules: Iterable[Rule], now: datetime.datetime | None = None) -> list[Forecast]:
    """What each rule would take out of the lists now; an episode that two rules take is counted by both."""
    now = now or timezone.now()
    found = []
    for rule in rules:
        sums = taken(site, rule, now).aggregate(bytes=Sum("size_bytes"))
        kept = 0 if rule.frozen else due(site, rule, now).filter(_held()).count()
        found.append(Forecast(rule, taken(site, rule, now).count(), sums["bytes"] or 0, kept))
    return found


# -- each day --------------------------------------------------------------------------------------


def run(now: datetime.datetime | None = None) -> tuple[int, int]:
    """(taken out of the lists, gone for good).  Safe to repeat and to be killed."""
    now = now or timezone.now()
    out = 0
    for row in Retention.objects.exclude(rules=[]).select_related("site"):
        for rule in rules_of(row):
            out += _take_out(row, rule, now)
    return out, purge(now) + erasing.finish()


def _take_out(row: Retention, rule: Rule, now: datetime.datetime) -> int:
    """An episode that a person has removed has had its grace: its days were counted from then."""
    grace = datetime.timedelta(days=0 if rule.kind == "removed" else row.grace_days)
    with transaction.atomic():
        ids = list(taken(row.site, rule, now).order_by("received_at").values_list("pk", flat=True))
        if not ids:
            return 0
        chosen = Episode.objects.filter(pk__in=ids)
        chosen.filter(removed_at=None).update(removed_at=now, removed_by=None)
        chosen.update(purge_at=now + grace, purge_frozen=rule.frozen, gone_why=_why(rule), version=F("version") + 1)
        audit.append(
            SERVER, "retention_removed", row.site.name, row.site.organisation_id,
            kind=rule.kind, days=rule.days, frozen=rule.frozen, episodes=len(ids), first=ids[:_NAMED],
            gone_for_good=(now + grace).isoformat(timespec="seconds"),
        )  # fmt: skip
    return len(ids)


def _why(rule: Rule) -> str:
    return f"Kept for {rule.days} days as {rule.kind}{', frozen or not' if rule.frozen else ''}."


def purge(now: datetime.datetime) -> int:
    """Those whose days of grace are over go.  One that was frozen meanwhile goes only where its rule says so."""
    ready = Episode.objects.there().filter(purge_at__lte=now).order_by("purge_at").values_list("pk", flat=True)
    return sum(_purge_one(episode, now) for episode in list(ready))


def _purge_one(episode: str, now: datetime.datetime) -> bool:
    """False when it stays: somebody brought it back since it was listed, or a frozen version holds it.

    The row is locked while that is asked, so that nobody brings it back or freezes it between the answer and its end.
    """
    with transaction.atomic():
        held = Episode.objects.select_for_update(of=("self",), no_key=True).select_related("site")
        row = held.there().filter(pk=episode, purge_at__lte=now).first()
        if row is None:
            return False
        versions = list(DatasetVersion.objects.filter(members__episode=row, state="frozen").select_related("dataset"))
        if versions and not row.purge_frozen:
            Episode.objects.filter(pk=row.pk).update(purge_at=None)
            return False
        erasing.tombstone(row.pk, row.gone_why)
        datasets.withdraw(versions, f"Episodes of it were kept no longer at {row.site.name}.", SERVER)
        audit.append(SERVER, "retention_erased", row.pk, row.organisation_id, why=row.gone_why)
    erasing.drop_exports(versions, SERVER)
    erasing.erase_files(row.pk)
    return True


def waiting(site: Site) -> EpisodeQuerySet:
    """Out of the lists and not gone yet: they can be brought back one by one."""
    return Episode.objects.there().filter(Q(site=site) & ~Q(purge_at=None))
