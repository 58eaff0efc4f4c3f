"""What people ask of datasets: make one, say what belongs to it, freeze it, prove it.  Permission was checked by the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from episodes import filters, storage
from episodes.data.manifest import Manifest
from episodes.data.proving import Damage, damages
from episodes.models import (
    Dataset,
    DatasetVersion,
    DraftPick,
    Episode,
    EpisodeQuerySet,
    VersionEpisode,
)
from episodes.services.freezing import build
from fleet import audit
from fleet.models import Organisation, Person, Site
from protocol.episode_folder import MAX_META, META
from protocol.errors import Refused

MOST_EPISODES = 20_000  # of one version


def make(person: Person, organisation: Organisation, site: Site | None, name: str, **values: Any) -> Dataset:
    """A new dataset with an empty draft; `Refused("name_taken")`."""
    _check(values)
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(organisation=organisation, site=site, name=name, made_by=person, **values)
            audit.append(person.shown, "dataset_made", dataset.pk, organisation.pk, name=name)
    except IntegrityError as error:
        raise _taken(name) from error
    return dataset


def change(dataset: Dataset, version: int, values: dict[str, Any], person: Person) -> None:
    """Refused: `stale_version`, `name_taken`, what `filters.read` refuses."""
    _check(values)
    try:
        with transaction.atomic():
            dataset.change(version, **values)
            audit.append(person.shown, "dataset_changed", dataset.pk, dataset.organisation_id, **values)
    except IntegrityError as error:
        raise _taken(values.get("name", dataset.name)) from error


def _check(values: dict[str, Any]) -> None:
    if "query" in values:
        found = filters.read(values["query"])
        values["query"] = filters.text(found)
        if len(values["query"]) > filters.LONGEST:
            raise Refused("invalid_field:query", f"The filter is longer than {filters.LONGEST} characters. Use fewer words.")


def _taken(name: str) -> Refused:
    return Refused("name_taken", f"There is a dataset {name!r} already. Choose another name.")


def remove(dataset: Dataset, version: int, person: Person) -> None:
    """Out of the lists; versions and what was made of them stay."""
    if dataset.removed_at is None:
        with transaction.atomic():
            dataset.change(version, removed_at=timezone.now())
            audit.append(person.shown, "dataset_removed", dataset.pk, dataset.organisation_id)


def restore(dataset: Dataset, person: Person) -> None:
    if dataset.removed_at is not None:
        try:
            with transaction.atomic():
                dataset.change(dataset.version, removed_at=None)
                audit.append(person.shown, "dataset_restored", dataset.pk, dataset.organisation_id)
        except IntegrityError as error:
            raise _taken(dataset.name) from error


# -- the draft -------------------------------------------------------------------------------------


def choosable(dataset: Dataset) -> EpisodeQuerySet:
    """Every episode that may be in this dataset at all: of its organisation or site, checked, not removed."""
    found = Episode.objects.filter(organisation=dataset.organisation_id).present().usable()
    return found.filter(site=dataset.site_id) if dataset.site_id else found


def draft(dataset: Dataset) -> EpisodeQuerySet:
    """The episodes of the draft as it is now."""
    added = dataset.picks.filter(kind="added").values("episode")
    removed = dataset.picks.filter(kind="removed").values("episode")
    wanted = Q(pk__in=added)
    if dataset.follows:
        matching = filters.condition(filters.read(dataset.query))
        wanted = wanted | matching if matching else Q()  # an empty condition is every episode
    return choosable(dataset).filter(wanted).exclude(pk__in=removed)


def sums_key(dataset: Dataset) -> str:
    """Where what the draft adds up to is kept for a while; a change of the dataset itself has another place."""
    return f"dataset-sums:{dataset.pk}:{dataset.version}"


def pick(dataset: Dataset, kinds: dict[str, str], person: Person) -> dict[str, str]:
    """Puts episodes in ("added"), takes them out ("removed") or forgets the pick ("").  Gives what undoes it.

    Refused: `not_choosable` naming the first that cannot be in this dataset.
    """
    ids = sorted(kinds)
    wanted = [id for id in ids if kinds[id] == "added"]
    known = set(choosable(dataset).filter(pk__in=wanted).values_list("pk", flat=True))
    known |= set(
        Episode.objects.filter(organisation=dataset.organisation_id, pk__in=set(ids) - set(wanted)).values_list("pk", flat=True)
    )
    if missing := [id for id in ids if id not in known]:
        raise Refused(
            "not_choosable",
            f"{len(missing)} of {len(ids)} cannot be in this dataset: not checked, rejected, removed or of another place.",
            episodes=missing[:50],
        )
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        picks = dataset.picks.filter(episode__in=ids)
        before = dict.fromkeys(ids, "") | dict(picks.values_list("episode_id", "kind"))
        picks.delete()
        DraftPick.objects.bulk_create(
            DraftPick(dataset=dataset, episode_id=id, kind=kinds[id], by=person) for id in ids if kinds[id]
        )
        counts = {kind: sum(1 for one in kinds.values() if one == kind) for kind in set(kinds.values()) if kind}
        audit.append(person.shown, "dataset_picked", dataset.pk, dataset.organisation_id, **counts)
        transaction.on_commit(lambda: cache.delete(sums_key(dataset)), robust=True)  # they age by themselves
    return before


# -- versions --------------------------------------------------------------------------------------


def manifest_of(dataset: Dataset) -> Manifest:
    """What freezing the draft now would hold.

    Refused: `empty_draft`, `too_many_episodes`, `mixed_embodiments`, `episode_damaged`.
    """
    chosen = draft(dataset)
    count = chosen.count()
    if not count:
        raise Refused("empty_draft", "The draft has no episode that is checked. Add some in the library, then freeze.")
    if count > MOST_EPISODES:
        raise Refused("too_many_episodes", f"The draft has {count} episodes; a version may have {MOST_EPISODES}.")
    return build(chosen, _described, dataset.seed, dataset.validation_share, dataset.weights)


def _described(episode: str) -> bytes:
    """episode.json; from an object store without the rest of the folder."""
    return storage.read(episode, META, MAX_META + 1)


def freeze(dataset: Dataset, reason: str, person: Person) -> DatasetVersion:
    """The draft as a version for ever.  When the newest version has the same content, that one: one content, one hash.

    Refused: as `manifest_of`, and `draft_changed` when an episode went while the manifest was made.
    """
    manifest = manifest_of(dataset)
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        _hold(manifest)
        last = dataset.versions.order_by("-number").first()
        if last is not None and last.digest == manifest.digest and last.state == "frozen":
            return last
        version = DatasetVersion.objects.create(
            dataset=dataset,
            number=last.number + 1 if last else 1,
            digest=manifest.digest,
            manifest=manifest.encode(),
            parent=last,
            reason=reason,
            query=dataset.query if dataset.follows else "",
            episodes=len(manifest.episodes),
            rows=manifest.rows,
            seconds=_seconds(manifest),
            frozen_by=person.shown,
        )
        VersionEpisode.objects.bulk_create(
            (VersionEpisode(version=version, episode_id=one.id, split=one.split) for one in manifest.episodes), batch_size=1000
        )
        audit.append(
            person.shown, "dataset_frozen", dataset.pk, dataset.organisation_id,
            number=version.number, digest=version.digest, episodes=version.episodes, reason=reason,
        )  # fmt: skip
    return version


def _hold(manifest: Manifest) -> None:
    """Within a transaction: locks its episodes, so that none can go before the version that withdraws with it is there."""
    ids = [one.id for one in manifest.episodes]
    there = Episode.objects.select_for_update(no_key=True).there().present().filter(pk__in=ids).order_by("pk")
    if gone := sorted(set(ids) - set(there.values_list("pk", flat=True))):
        raise Refused(
            "draft_changed",
            f"{len(gone)} of {len(ids)} episodes were removed while the version was made. Look at the draft again, then freeze.",
            episodes=gone[:50],
        )


def _seconds(manifest: Manifest) -> float:
    rates = dict(Episode.objects.filter(pk__in=[one.id for one in manifest.episodes]).values_list("pk", "record_hz"))
    return sum(one.rows / rates[one.id] for one in manifest.episodes)


def verify(version: DatasetVersion, progress: Callable[[int], None] = lambda episodes: None) -> list[Damage]:
    """Reads every stored file of the version again; one damage for each that is not what was frozen.

    Refused: `version_withdrawn`, `version_damaged` (the manifest itself).
    """
    if version.state != "frozen":
        raise Refused("version_withdrawn", f"{version} was withdrawn: {version.withdrawn_reason or 'no reason was written'}.")
    return list(damages(version.content(), storage.folder, progress))


def verified(version: DatasetVersion, progress: Callable[[int], None] = lambda episodes: None) -> Manifest:
    """The manifest, after proof that every stored byte is what was frozen: what training and exporting begin with.

    Refused: as `verify`, and `version_damaged` naming the first damaged file.
    """
    found = verify(version, progress)
    if found:
        first = found[0]
        more = f" {len(found) - 1} more files are damaged." if len(found) > 1 else ""
        raise Refused("version_damaged", first.sentence + more, episode=first.episode, path=first.path, damages=len(found))
    return version.content()


def withdraw(versions: Iterable[DatasetVersion], reason: str, actor: str) -> list[DatasetVersion]:
    """Versions that nobody may use any more, because content of theirs had to go.  Gives those that were still frozen."""
    done = []
    with transaction.atomic():
        for version in versions:
            if version.withdraw(reason):
                done.append(version)
                audit.append(
                    actor, "dataset_withdrawn", version.dataset_id, version.dataset.organisation_id,
                    number=version.number, digest=version.digest, reason=reason,
                )  # fmt: skip
    return done
