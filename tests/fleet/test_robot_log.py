"""A robot's own log: chained once, in order, and for nobody who has no role where it stands."""

from __future__ import annotations

import pytest

from fleet.models import AuditEntry, Membership, Person, Site
from protocol import robot_link
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


async def test_the_log_is_chained_once_and_in_order(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    person = lab.people["operator"]
    entries = [robot_link.LogEntry(n=n, time_ns=n, event=f"event {n}", actor=person.uid, reason="why") for n in (1, 2, 3)]
    await program.tell(robot_link.Log(entries=(entries[1], entries[0])))
    assert (await program.hear("log_ack"))["through"] == 2
    await program.tell(robot_link.Log(entries=tuple(entries)))  # an answer was lost, so all are sent again
    assert (await program.hear("log_ack"))["through"] == 3
    kept = [entry async for entry in AuditEntry.objects.order_by("number")]
    assert [entry.act for entry in kept] == ["event 1", "event 2", "event 3"]
    assert {entry.actor for entry in kept} == {"operator"}
    assert kept[0].detail["reason"] == "why" and kept[0].organisation_id == lab.organisation.pk
    await program.leave()
    again = RobotProgram(lab.robot, lab.key)
    assert (await again.log_in())["log_from"] == 4
    await again.leave()


@pytest.mark.parametrize("who", ["of another organisation", "of another site", "of no organisation", "nonsense"])
async def test_a_robot_speaks_for_nobody_who_has_no_role_where_it_stands(lab: Lab, who: str) -> None:
    person = lab.outsider
    if who == "of another site":
        east = await Site.objects.acreate(organisation=lab.organisation, name="East")
        person = lab.people["operator"]
        await Membership.objects.filter(person=person).aupdate(site=east)
    elif who == "of no organisation":
        person = await Person.objects.acreate(username="nobody")
    actor = "\0" * 32 if who == "nonsense" else person.uid
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.tell(robot_link.Log(entries=(robot_link.LogEntry(n=1, time_ns=1, event="granted", actor=actor),)))
    await program.hear("log_ack")
    entry = await AuditEntry.objects.aget(act="granted")
    assert entry.actor == f"robot kestrel-1: {'' if who == 'nonsense' else actor}"
    await program.leave()


async def test_a_robot_names_who_has_a_role_at_its_own_site(lab: Lab) -> None:
    await Membership.objects.filter(person=lab.people["operator"]).aupdate(site=lab.site)
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    entry = robot_link.LogEntry(n=1, time_ns=1, event="granted", actor=lab.people["operator"].uid)
    await program.tell(robot_link.Log(entries=(entry,)))
    await program.hear("log_ack")
    assert (await AuditEntry.objects.aget(act="granted")).actor == "operator"
    await program.leave()


async def test_a_gap_in_the_log_is_itself_an_entry(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.tell(robot_link.Log(entries=(robot_link.LogEntry(n=4, time_ns=1, event="late"),)))
    await program.hear("log_ack")
    gap = await AuditEntry.objects.aget(act="log gap")
    assert (gap.detail["from"], gap.detail["to"]) == (1, 3)
    await program.leave()
