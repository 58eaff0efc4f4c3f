"""Whether a campaign's goals are reached: it is open while a take is missing and done when none is."""

from __future__ import annotations

from episodes.models import Campaign
from episodes.reading import standing
from fleet import audit


def settle(id: str | None) -> None:
    """To be called, with the campaign's id or None, after anything that changes which episodes count."""
    campaign = Campaign.objects.filter(pk=id, state__in=("open", "done")).first() if id else None
    if campaign is None:
        return
    state = "open" if standing.of(campaign).missing else "done"
    if state != campaign.state and campaign.become(state):
        act = "campaign_done" if state == "done" else "campaign_not_done"
        audit.append("server", act, campaign.pk, campaign.organisation_id, name=campaign.name)


def settle_open() -> None:
    """Those that became complete in a way that told nobody.  A campaign that is done stays so when old episodes go."""
    for id in Campaign.objects.filter(state="open").values_list("pk", flat=True):
        settle(id)
