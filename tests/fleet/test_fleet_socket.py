"""The live list and the stop of several robots.  Numbers are rows of the bad-input matrix."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session

from fleet import fleet_socket, limits, robots, sessions, socket
from fleet.access import access
from fleet.models import AuditEntry, Membership, Robot, Role
from protocol import live as words
from protocol import robot_link
from protocol.state import Health, LeaseState
from tests.fleet.conftest import Lab
from tests.fleet.rig import HOST, RobotProgram, Socket, fleet_page, make_robot, sign_in, state

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same rules with shorter waits."""
    for module, name, seconds in (
        (fleet_socket, "PERIOD_S", 0.01), (fleet_socket, "LOOK_S", 0.05), (sessions, "REFRESH_S", 0.05),
        (socket, "WATCH_S", 0.05),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setattr(robots.roster, "_every_s", 0.05)
    monkeypatch.setattr(access._rights, "_every_s", 0.05)
    yield


# -- who may open it ---------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", f"http://{HOST}.evil.example", f"ftp://{HOST}"])
async def test_row_15_a_foreign_or_absent_origin_is_refused_at_the_handshake(lab: Lab, origin: str | None) -> None:
    headers = await sign_in(lab.people["admin"])
    del headers["origin"]
    page = Socket("/ws/fleet/", headers | ({"origin": origin} if origin else {}))
    assert (await page.open())[0] is False


async def test_row_16_without_a_session_the_socket_closes_with_4401(lab: Lab) -> None:
    page = Socket("/ws/fleet/", {"origin": f"http://{HOST}", "host": HOST})
    await page.open()
    assert await page.closed() == 4401


async def test_row_16_a_session_that_was_signed_out_is_none(lab: Lab) -> None:
    headers = await sign_in(lab.people["admin"])
    await Session.objects.all().adelete()
    page = Socket("/ws/fleet/", headers)
    await page.open()
    assert await page.closed() == 4401


async def test_row_23_signing_out_closes_the_socket(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    await page.hear("rows")
    await Session.objects.all().adelete()
    assert await page.closed() == 4403


async def test_row_23_deactivating_a_person_closes_the_socket(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    await page.hear("rows")
    lab.people["viewer"].is_active = False
    await lab.people["viewer"].asave()
    assert await page.closed() == 4403


async def test_row_23_a_new_password_closes_the_socket(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    await page.hear("rows")
    await sync_to_async(lab.people["viewer"].set_password)("another horse")
    await lab.people["viewer"].asave()
    assert await page.closed() == 4403


# -- what it refuses -----------------------------------------------------------------------------


async def test_row_17_bytes_on_a_text_socket_close_it(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    await page.wire.send_to(bytes_data=b"\x01\x02")
    assert await page.closed() == 4400


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"v": 1, "type": "launch"}, "unknown_type"),
        ({"v": 1}, "unknown_type"),
        ({"v": 1, "type": "ack"}, "invalid_field:n"),
        ({"v": 1, "type": "ack", "n": "1"}, "invalid_field:n"),
        ({"v": 1, "type": "ack", "n": 1, "colour": "red"}, "invalid_field:colour"),
        ({"v": 2, "type": "ack", "n": 1}, "upgrade_required"),
    ],
)
async def test_rows_18_and_19_misshapen_messages_are_refused_by_name(lab: Lab, message: dict[str, object], code: str) -> None:
    page = await fleet_page(lab.people["viewer"])
    await page.tell(json.dumps(message))
    refused = await page.hear("refused")
    assert refused["code"] == code
    assert refused["sentence"].endswith(".")
    await page.leave()


async def test_row_21_a_flood_closes_the_socket(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    for _ in range(400):
        await page.tell(words.Ack(n=0))
    assert await page.closed() == 4429


async def test_row_22_a_robot_of_another_organisation_cannot_be_stopped(lab: Lab) -> None:
    page = await fleet_page(lab.people["admin"])
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await page.tell(words.StopRobots(id="1", robots=(lab.robot.pk, lab.foreign.pk)))
    assert (await page.hear("refused"))["code"] == "forbidden"
    assert await AuditEntry.objects.filter(act="asked remote stop").acount() == 0
    await page.leave()
    await program.leave()


async def test_row_24_an_id_that_was_used_before_is_refused(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    await page.tell(words.StopRobots(id="again"))
    await page.hear("stop_report")
    await page.tell(words.StopRobots(id="again"))
    assert (await page.hear("refused"))["code"] == "id_reuse"
    await page.leave()


# -- the list --------------------------------------------------------------------------------------


async def test_the_first_message_is_the_whole_list_of_what_one_may_see(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    rows = await page.hear("rows")
    assert rows["all"] is True
    (row,) = rows["rows"]
    assert (row["id"], row["name"], row["site"], row["kind"]) == (lab.robot.pk, "kestrel-1", "West", "tabletop")
    assert (row["online"], row["last_seen_s"], row["may_drive"]) == (False, None, False)
    await page.leave()


async def test_an_outsider_sees_only_their_own(lab: Lab) -> None:
    page = await fleet_page(lab.outsider)
    assert [row["id"] for row in (await page.hear("rows"))["rows"]] == [lab.foreign.pk]
    await page.leave()


async def test_somebody_without_a_role_sees_an_empty_list(lab: Lab) -> None:
    await Membership.objects.filter(person=lab.people["viewer"]).adelete()
    page = await fleet_page(lab.people["viewer"])
    rows = await page.hear("rows")
    assert (rows["all"], rows["rows"]) == (True, [])
    await page.leave()


async def test_a_change_of_a_robot_arrives_and_ages_alone_do_not(lab: Lab) -> None:
    page = await fleet_page(lab.people["operator"])
    first = await page.hear("rows")
    await page.tell(words.Ack(n=first["n"]))
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    lease = LeaseState(epoch=1, seq=2, kind="human", person="p", name="Mina", fingerprint="AA", held_s=3.0)
    await program.report(mode="TELEOP", reason="GRANTED", lease=lease, nonce="secret", state=(0.5,))
    (row,) = (await page.hear("rows"))["rows"]
    assert row["online"] and row["may_drive"]
    assert (row["state"]["mode"], row["state"]["lease"]["name"]) == ("TELEOP", "Mina")
    assert "nonce" not in row["state"] or row["state"]["nonce"] == ""  # only a cockpit needs it
    await program.report(mode="ESTOP", reason="REMOTE_STOP", since_s=9.0)
    (row,) = (await page.hear("rows"))["rows"]
    assert row["state"]["mode"] == "ESTOP"
    await page.leave()
    await program.leave()


def test_only_ages_and_figures_that_always_move_are_no_news() -> None:
    def row(**fields: object) -> words.RobotRow:
        shown = state(time_ns=1, **fields)
        return words.RobotRow(id="1", name="a", site="s", kind="k", online=True, last_seen_s=None, state=shown)

    assert fleet_socket.lasting(row()) == fleet_socket.lasting(row(since_s=5.0, health=Health(cpu_pct=40.0)))
    assert fleet_socket.lasting(row()) != fleet_socket.lasting(row(stops=("somebody",)))
    assert fleet_socket.lasting(row()) != fleet_socket.lasting(row(health=Health(notes=("Camera wrist: unplugged.",))))


async def test_a_new_role_brings_its_robots_and_a_lost_one_takes_them(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    first = await page.hear("rows")
    await page.tell(words.Ack(n=first["n"]))
    await Membership.objects.acreate(person=lab.people["viewer"], organisation=lab.foreign.site.organisation, role=Role.VIEWER)
    more = await page.hear("rows")
    assert lab.foreign.pk in [row["id"] for row in more["rows"]]
    await Membership.objects.filter(person=lab.people["viewer"], organisation=lab.organisation).adelete()
    assert lab.robot.pk in (await page.hear("rows"))["gone"]
    await page.leave()


async def test_a_renamed_and_a_held_robot_are_shown_as_such(lab: Lab) -> None:
    page = await fleet_page(lab.people["viewer"])
    await page.hear("rows")
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(name="merlin", held_reason="Its key is in use twice.")
    (row,) = (await page.hear("rows"))["rows"]
    assert (row["name"], row["alerts"]) == ("merlin", ["Its key is in use twice."])
    await page.leave()


async def test_a_page_that_acknowledges_nothing_gets_no_more_and_is_dropped(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_socket, "Window", lambda: limits.Window(size=1, patience_s=0.3))
    page = await fleet_page(lab.people["viewer"])
    assert (await page.hear("rows"))["n"] == 1
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(name="merlin")
    event = await page.wire.receive_output(5)
    assert (event["type"], event["code"]) == ("websocket.close", 4408)


# -- stopping ----------------------------------------------------------------------------------------


async def test_a_stop_is_acknowledged_only_by_the_robots_own_word(lab: Lab) -> None:
    silent, _ = await sync_to_async(make_robot)(lab.site, "kestrel-2")
    page, program = await fleet_page(lab.people["viewer"]), RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.report()
    while not any(row["online"] for row in (await page.hear("rows"))["rows"]):
        pass
    await page.tell(words.StopRobots(id="now"))
    report = {one["robot"]: one["state"] for one in (await page.hear("stop_report"))["robots"]}
    assert report == {lab.robot.pk: "asked", silent.pk: "unreachable"}
    asked = await program.hear("stop_now")
    assert asked["source"] == lab.people["viewer"].uid
    await program.hear("stop_now")  # asked again, as nobody has answered
    await program.tell(robot_link.StopAck(source=asked["source"]))
    message = await page.hear("stop_report")
    assert message["id"] == "now"
    assert {one["robot"]: one["state"] for one in message["robots"]}[lab.robot.pk] == "acknowledged"
    assert await AuditEntry.objects.filter(act="asked remote stop", actor="viewer").acount() == 2
    await page.leave()
    await program.leave()


async def test_a_report_that_shows_the_latch_acknowledges_too(lab: Lab) -> None:
    page, program = await fleet_page(lab.people["operator"]), RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.report()
    while not any(row["online"] for row in (await page.hear("rows"))["rows"]):
        pass
    await page.tell(words.StopRobots(robots=(lab.robot.pk,)))
    source = (await program.hear("stop_now"))["source"]
    await program.report(mode="ESTOP", reason="REMOTE_STOP", stops=(source,))
    while (await page.hear("stop_report"))["robots"][0]["state"] != "acknowledged":
        pass
    await page.leave()
    await program.leave()


async def test_an_unreachable_robot_is_said_to_be_so_with_when_it_was_seen(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.leave()
    page = await fleet_page(lab.people["viewer"])
    await page.tell(words.StopRobots(robots=(lab.robot.pk,)))
    (one,) = (await page.hear("stop_report"))["robots"]
    assert one["state"] == "unreachable" and one["last_seen_s"] < 60
    await page.leave()


@pytest.mark.parametrize("role", Role.values)
async def test_every_role_may_stop(lab: Lab, role: str) -> None:
    page = await fleet_page(lab.people[role])
    await page.tell(words.StopRobots(robots=(lab.robot.pk,)))
    assert (await page.hear("stop_report"))["robots"][0]["robot"] == lab.robot.pk
    await page.leave()


async def test_somebody_without_robots_is_told_that_there_is_nothing_to_stop(lab: Lab) -> None:
    await Membership.objects.all().adelete()
    page = await fleet_page(lab.people["viewer"])
    await page.tell(words.StopRobots())
    assert (await page.hear("refused"))["code"] == "no_robots"
    await page.leave()


async def test_an_address_that_is_none_closes_with_4404(lab: Lab) -> None:
    page = Socket("/ws/nothing/", await sign_in(lab.people["admin"]))
    assert await page.open() == (False, 4404)
