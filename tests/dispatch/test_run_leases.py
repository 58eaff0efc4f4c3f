"""A policy's lease is agreed to while its run is open, and ends with the run or with somebody's rights."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from dispatch import leases, robots
from dispatch.models import Run
from dispatch.services import runs
from fleet import keys
from fleet.access import access
from fleet.models import Membership
from protocol.permit import Renewal, Signed
from robot.kernel.permits import ServerKey
from tests.dispatch.rig import Pilot, kept, lease, started
from tests.fleet.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)


async def renewed(lab: Lab, pilot: Pilot, held: Any) -> Renewal:
    await pilot.report(nonce="n-1", lease=held, mode="AUTONOMY", reason="GRANTED")
    return ServerKey(keys.public_key(), lab.robot.pk).renewal(Signed(**(await pilot.hear("renew"))["renewal"]))


async def test_a_policys_lease_is_renewed_while_its_run_is_open(lab: Lab, pilot: Pilot) -> None:
    await started(lab, pilot)
    await pilot.say("moving")
    renewal = await renewed(lab, pilot, lease(lab.people["operator"]))
    assert (renewal.epoch, renewal.seq, renewal.revoke) == (1, 2, False)


async def test_a_policy_without_a_run_loses_its_lease(lab: Lab, pilot: Pilot) -> None:
    assert (await renewed(lab, pilot, lease(lab.people["operator"]))).reason == "no_run"
    await started(lab, pilot)
    await pilot.say("ended", result="success")
    await pilot.hear("run_noted")
    renewal = await renewed(lab, pilot, lease(lab.people["operator"], seq=3))
    assert (renewal.revoke, renewal.reason) == (True, "no_run")


async def test_a_policy_loses_its_lease_when_its_robot_does_not_carry_out_an_end(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.heard()
    await sync_to_async(runs.end)(await kept(run), lab.people["operator"], "cancelled")
    assert not (await renewed(lab, pilot, lease(lab.people["operator"]))).revoke
    await Run.objects.filter(pk=run.pk).aupdate(ordered_at=timezone.now() - leases.END_FOR)
    robots.runs.forget()
    renewal = await renewed(lab, pilot, lease(lab.people["operator"]))
    assert (renewal.revoke, renewal.reason) == (True, "run_over")


async def test_a_policy_loses_its_lease_with_the_rights_of_who_started_it(lab: Lab, pilot: Pilot) -> None:
    await started(lab, pilot, "dispatcher")
    await pilot.say("moving")
    assert not (await renewed(lab, pilot, lease(lab.people["dispatcher"]))).revoke
    await Membership.objects.filter(person=lab.people["dispatcher"]).adelete()
    access.forget()
    renewal = await renewed(lab, pilot, lease(lab.people["dispatcher"], seq=3))
    assert (renewal.revoke, renewal.reason) == (True, "rights_revoked")
