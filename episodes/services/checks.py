"""What the check of an episode leaves in the database, and asking for another.  The work itself is in `episodes.data`."""

from __future__ import annotations

import msgspec
from django.db import transaction

from episodes.data.checks.finding import Finding, codes_of, status_of
from episodes.data.checks.signature import Signature, duplicates
from episodes.data.examine import Examined
from episodes.models import Episode, EpisodeSignature
from fleet import audit

MOST_COMPARED = 3000  # of the newest episodes of about the same length


def end_check(episode: Episode, fence: int, examined: Examined) -> bool:
    """Compares it with the episodes before it and writes what was found; False when another check has begun since."""
    found = (*examined.findings, *_known_before(episode, examined.signature))
    kept = msgspec.structs.replace(examined, findings=found)
    status, codes = status_of(found), codes_of(found)
    problem = next((finding.sentence for finding in found if finding.severity == "reject"), "")
    with transaction.atomic():
        if not episode.end_check(fence, status, kept.as_json(), codes, problem):
            return False
        if (signature := examined.signature) is not None:
            values = msgspec.structs.asdict(signature)
            EpisodeSignature.objects.update_or_create(episode=episode, defaults=values)
        else:
            EpisodeSignature.objects.filter(episode=episode).delete()
        audit.append("server", "episode_checked", episode.pk, episode.organisation_id, status=status, findings=codes)
    return True


def _known_before(episode: Episode, signature: Signature | None) -> list[Finding]:
    """Only earlier ones count: of two that are the same, the first stays as it was."""
    if signature is None:
        return []
    known = EpisodeSignature.objects.filter(
        episode__organisation=episode.organisation_id, episode__number__lt=episode.number, episode__removed_at=None
    ).order_by("-episode__number")
    same = known.filter(exact=signature.exact)[:1]
    slack = round(0.15 * signature.rows) + 6  # more than two that are alike may differ by
    near = known.filter(embodiment=signature.embodiment, rows__range=(signature.rows - slack, signature.rows + slack))
    others = [
        (f"episode {one.episode.number}", one.content())
        for one in (*same.select_related("episode"), *near.select_related("episode")[:MOST_COMPARED])
    ]
    return duplicates(signature, others)


def check_again(episode: Episode, asked_by: str) -> bool:
    """Puts it back among those to be checked; False while it is there already.  Trims and labels stay."""
    with transaction.atomic():
        if not episode.check_again():
            return False
        audit.append(asked_by, "episode_check_asked", episode.pk, episode.organisation_id)
    return True
