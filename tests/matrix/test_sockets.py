"""Every type of message on every socket x every role, a visitor, an outsider; for robots x how far they are known.

Types are taken from the consumers' own unions; a type that is not in a table here fails.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any, get_args

import msgspec
import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config import sockets
from dispatch.models import Run
from fleet import keys
from fleet.access import ABILITIES, access
from fleet.models import AuditEntry, Robot
from protocol import live as live_words
from protocol import robot_link, teleop
from protocol.permit import Signed, login_bytes
from protocol.runs import RunReport
from protocol.state import LeaseState
from robot.kernel.permits import ServerKey
from teleop.models import ControlSession
from teleop.takeover import Takeover
from tests.dispatch.rig import row_of
from tests.fleet.conftest import Lab
from tests.fleet.rig import HOST, RobotProgram, Socket, fleet_page, sign_in, state
from tests.matrix.world import OUTSIDER, ROLES
from tests.robot.link.test_sdp import offer as sdp_offer

pytestmark = pytest.mark.django_db(transaction=True)
PRINT = ":".join(["AB"] * 32)
OTHER_PRINT = ":".join(["CD"] * 32)

#: cockpit: case -> (message, what it takes, what is said to whoever may)
COCKPIT: dict[str, tuple[Any, str, str]] = {
    "offer": (teleop.Offer(id="1", sdp=sdp_offer(f"sha-256 {PRINT}")), "see", ""),
    "ack": (teleop.Ack(id="2", n=1), "see", ""),
    "permit_request": (teleop.PermitRequest(id="3", act="drive"), "drive", "permitted"),
    "permit_request to clear": (teleop.PermitRequest(id="4", act="clear"), "clear", "permitted"),
    "permit_request by force": (
        teleop.PermitRequest(id="5", act="drive", force=True, reason="they left"), "administer", "permitted"
    ),
    "take_request": (teleop.TakeRequest(id="6"), "drive", "take_result"),
    "resume": (teleop.Resume(id="10", session="0" * 32), "own", ""),
    "take_answer": (teleop.TakeAnswer(id="7", request="r", consent=True), "hold", ""),
    "stop_request": (teleop.StopRequest(id="8"), "stop", "stop_state"),
    "bye": (teleop.Bye(id="9"), "see", ""),
}  # fmt: skip
FLEET: dict[str, tuple[Any, str, str]] = {
    "ack": (live_words.Ack(id="1", n=1), "see", ""),
    "stop_robots": (live_words.StopRobots(id="2"), "stop", "stop_report"),
}
#: robots: type -> (who may say it, what is said to them); a stranger has not logged in, a held one's key is in doubt
ROBOT = {
    "hello": ((), ""),
    "proof": ((), ""),
    "report": (("robot", "held"), ""),
    "stop_ack": (("robot", "held"), ""),
    "log": (("robot",), "log_ack"),
    "token_request": (("robot",), "token"),
    "answer": (("robot",), ""),
    "session_refused": (("robot",), ""),
    "session_ended": (("robot",), ""),
    "run_report": (("robot",), "run_noted"),
}


def tags(union: Any) -> set[str]:
    return {str(kind.__struct_config__.tag) for kind in get_args(union)}


def test_no_socket_and_no_message_type_is_unlisted() -> None:
    patterns = (*sockets.PAGES, *sockets.ROBOTS, *sockets.INFERENCE)
    unions = {p.callback.consumer_class.__name__: p.callback.consumer_class.messages for p in patterns}
    assert set(unions) == {"FleetSocket", "TeleopSocket", "RobotSocket", "InferSocket"}
    assert URLRouter(sockets.urlpatterns)
    assert tags(unions["TeleopSocket"]) == {case.split()[0] for case in COCKPIT}
    assert tags(unions["FleetSocket"]) == set(FLEET)
    assert tags(unions["RobotSocket"]) == set(ROBOT)
    assert tags(unions["InferSocket"]) == {"hello", "proof"}  # what is asked then is binary: test_pilots.py


# -- people ------------------------------------------------------------------------------------------


@pytest.fixture
async def program(lab: Lab) -> AsyncIterator[RobotProgram]:
    """The robot, connected and ready to be driven."""
    robot = RobotProgram(lab.robot, lab.key)
    await robot.log_in()
    await robot.report(nonce="n-1")
    yield robot
    await robot.leave()


async def cockpit(lab: Lab, persona: str) -> Socket:
    person = lab.outsider if persona == OUTSIDER else lab.people[persona]
    page = Socket(f"/ws/teleop/{lab.robot.pk}/", await sign_in(person))
    await page.open()
    return page


async def connected(lab: Lab, program: RobotProgram, persona: str, fingerprint: str = PRINT) -> Socket:
    """A cockpit whose offer has reached the robot."""
    page = await cockpit(lab, persona)
    while not (await page.hear("robot_now"))["online"]:
        continue
    await page.tell(teleop.Offer(sdp=sdp_offer(f"sha-256 {fingerprint}")))
    await program.hear("offer")
    return page


async def answer_to(page: Socket, message: Any, kind: str) -> dict[str, Any]:
    """What comes back for this message: `kind`, or `refused`; `silence` when that is empty and nothing was refused.

    The message is sent twice: that its id was used before is said after everything that is said at once.
    """
    await page.tell(message)
    await page.tell(message)
    found: dict[str, Any] = {"type": "silence"}
    over = False
    while not over or (kind and found["type"] == "silence"):
        event = await page.wire.receive_output(5)
        assert event["type"] == "websocket.send", f"closed: {event}"
        said: dict[str, Any] = msgspec.json.decode(event["text"])
        if said["type"] == "refused" and said["id"] == message.id and said["code"] == "id_reuse":
            over = True
        elif (said["type"] == kind or (said["type"] == "refused" and said["id"] == message.id)) and found["type"] == "silence":
            found = said
    return found


@pytest.mark.parametrize("role", ROLES)
async def test_the_cockpit_obeys_each_role_as_the_table_says(lab: Lab, program: RobotProgram, role: str) -> None:
    page = await connected(lab, program, role)
    claims = ServerKey(keys.public_key(), lab.robot.pk)
    for case, (message, need, kind) in COCKPIT.items():
        may = need in ABILITIES[role]
        said = await answer_to(page, message, kind if may else "")
        if need in ("hold", "own"):
            assert (said["type"], said["code"]) == ("refused", "not_holder" if need == "hold" else "session_unknown"), case
        elif not may:
            assert (said["type"], said["code"]) == ("refused", "forbidden"), (case, role, said)
            assert said["sentence"].endswith(".")
        else:
            assert said["type"] == (kind or "silence"), (case, role, said)
        if said["type"] in ("permitted", "take_result"):
            claim = claims.claim(Signed(**said["permit"]))
            wanted = ("clear" if "clear" in case else "drive", lab.people[role].uid, PRINT, "n-1", False)
            assert (claim.act, claim.person, claim.fingerprint, claim.nonce, claim.take) == wanted  # nobody to take from
    permits = AuditEntry.objects.filter(act__startswith="permitted to", actor=role)
    owed = [case for case, (_, need, kind) in COCKPIT.items() if need in ABILITIES[role] and kind in ("permitted", "take_result")]
    assert await permits.acount() == len(owed)
    await page.leave()


@pytest.mark.parametrize("case", list(COCKPIT))
async def test_an_outsider_finds_no_robot_and_is_not_heard(lab: Lab, program: RobotProgram, case: str) -> None:
    page = await cockpit(lab, OUTSIDER)
    await page.tell(COCKPIT[case][0])
    assert (await page.hear("refused"))["code"] == "robot_unknown"
    assert await page.closed() == 4404
    assert await ControlSession.objects.acount() == 0
    assert await AuditEntry.objects.acount() == 0


async def test_there_is_nothing_at_the_address_of_no_robot(lab: Lab) -> None:
    page = Socket("/ws/teleop/nothing/", await sign_in(lab.people["admin"]))
    await page.open()
    assert (await page.hear("refused"))["code"] == "robot_unknown"
    assert await page.closed() == 4404


@pytest.mark.parametrize("path", ["/ws/fleet/", "/ws/teleop/{}/"])
async def test_a_visitor_is_turned_away(lab: Lab, path: str) -> None:
    page = Socket(path.format(lab.robot.pk), {"origin": f"http://{HOST}", "host": HOST})
    await page.open()
    assert await page.closed() == 4401


async def test_no_cookie_makes_a_person_a_robot_and_no_robot_may_open_a_page(lab: Lab) -> None:
    headers = await sign_in(lab.people["admin"])
    page = Socket("/ws/robot/", headers)
    await page.open()
    await page.tell(robot_link.Report(state=state()))
    assert (await page.hear("refused"))["code"] == "log_in_first"
    assert await page.closed() == 4401
    elsewhere = Socket("/ws/nowhere/", headers)
    assert await elsewhere.open() == (False, 4404)


@pytest.mark.parametrize("persona", [*ROLES, OUTSIDER])
async def test_the_list_obeys_each_role_as_the_table_says(lab: Lab, program: RobotProgram, persona: str) -> None:
    page = await fleet_page(lab.outsider if persona == OUTSIDER else lab.people[persona])
    await page.hear("rows")
    for case, (message, need, kind) in FLEET.items():
        named = msgspec.structs.replace(message, robots=(lab.robot.pk,)) if case == "stop_robots" else message
        may = persona != OUTSIDER and need in ABILITIES[persona]
        said = await answer_to(page, named, kind if may else "")
        if may or case == "ack":
            assert said["type"] == (kind or "silence")
        else:
            assert (said["type"], said["code"]) == ("refused", "forbidden")
            assert await AuditEntry.objects.filter(act="asked remote stop").acount() == 0
    await page.leave()


# -- whose lease it is ---------------------------------------------------------------------------------


def lease(person: str, fingerprint: str = PRINT) -> LeaseState:
    return LeaseState(epoch=1, seq=2, kind="human", person=person, name="Olga", fingerprint=fingerprint, held_s=1.0)


async def test_who_may_drive_gets_no_permit_to_take_from_somebody(lab: Lab, program: RobotProgram) -> None:
    page = await connected(lab, program, "operator", OTHER_PRINT)
    await reported(page, program, lease(lab.people["engineer"].uid))
    said = await answer_to(page, teleop.PermitRequest(id="1", act="drive"), "permitted")
    assert (said["code"], said["detail"]["owner"]) == ("held", "Olga")
    said = await answer_to(page, teleop.PermitRequest(id="2", act="drive", force=True, reason="mine"), "permitted")
    assert said["code"] == "forbidden"
    await page.leave()


async def test_nobody_consents_in_the_name_of_the_holder(lab: Lab, program: RobotProgram) -> None:
    """The holder's fingerprint is public; whoever offers with it is not the holder."""
    asker = await connected(lab, program, "operator", OTHER_PRINT)
    forger = await connected(lab, program, "operator", PRINT)
    for page in (asker, forger):
        await reported(page, program, lease(lab.people["engineer"].uid))
    await asker.tell(teleop.TakeRequest(id="ask"))
    said = await answer_to(forger, teleop.TakeAnswer(id="1", request="any", consent=True), "take_asked")
    assert (said["type"], said["code"]) == ("refused", "not_holder")
    await asker.leave()
    await forger.leave()


async def test_the_holder_is_asked_and_their_consent_permits_to_take(lab: Lab, program: RobotProgram) -> None:
    asker = await connected(lab, program, "operator", OTHER_PRINT)
    holder = await connected(lab, program, "engineer", PRINT)
    for page in (asker, holder):
        await reported(page, program, lease(lab.people["engineer"].uid))
    await asker.tell(teleop.TakeRequest(id="ask"))
    asked = await holder.hear("take_asked")
    await holder.tell(teleop.TakeAnswer(request=asked["request"], consent=True))
    result = await asker.hear("take_result")
    claim = ServerKey(keys.public_key(), lab.robot.pk).claim(Signed(**result["permit"]))
    assert (result["by"], claim.take, claim.over, claim.person) == ("holder", True, (1, 2), lab.people["operator"].uid)
    await asker.leave()
    await holder.leave()


@pytest.mark.parametrize("consent", [True, False])
async def test_who_took_the_lease_meanwhile_was_never_asked_and_keeps_it(
    lab: Lab, program: RobotProgram, consent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two ask the same holder, the first gets the lease; neither a late word of the old holder nor the time-out ends it."""
    monkeypatch.setattr(Takeover.ask, "__defaults__", (60.0 if consent else 1.0,))
    asker = await connected(lab, program, "operator", OTHER_PRINT)
    holder = await connected(lab, program, "engineer", PRINT)
    for page in (asker, holder):
        await reported(page, program, lease(lab.people["engineer"].uid))
    await asker.tell(teleop.TakeRequest(id="ask"))
    asked = await holder.hear("take_asked")
    newer = msgspec.structs.replace(lease(lab.people["engineer"].uid), seq=3)
    await program.report(nonce="n-2", lease=newer, mode="TELEOP", reason="TAKEN")
    while (await asker.hear("robot_now"))["state"]["lease"]["seq"] != 3:
        pass
    if consent:
        await holder.tell(teleop.TakeAnswer(request=asked["request"], consent=True))
    refused = await asker.hear("refused")
    assert (refused["id"], refused["code"], refused["detail"]["seq"]) == ("ask", "holder_changed", 3)
    assert not await AuditEntry.objects.filter(act="permitted to drive").aexists()
    await asker.leave()
    await holder.leave()


async def test_force_takes_the_lease_it_saw(lab: Lab, program: RobotProgram) -> None:
    page = await connected(lab, program, "admin", OTHER_PRINT)
    await reported(page, program, lease(lab.people["engineer"].uid))
    said = await answer_to(page, teleop.PermitRequest(id="1", act="drive", force=True, reason="they left"), "permitted")
    claim = ServerKey(keys.public_key(), lab.robot.pk).claim(Signed(**said["permit"]))
    assert (claim.take, claim.over) == (True, (1, 2))
    await page.leave()


async def test_a_right_that_was_lost_while_waiting_for_consent_is_not_permitted(lab: Lab, program: RobotProgram) -> None:
    asker = await connected(lab, program, "operator", OTHER_PRINT)
    holder = await connected(lab, program, "engineer", PRINT)
    for page in (asker, holder):
        await reported(page, program, lease(lab.people["engineer"].uid))
    await asker.tell(teleop.TakeRequest(id="ask"))
    asked = await holder.hear("take_asked")
    await lab.people["operator"].memberships.aupdate(role="viewer")
    access.forget()
    await holder.tell(teleop.TakeAnswer(request=asked["request"], consent=True))
    assert (await asker.hear("refused"))["code"] == "forbidden"
    assert not await AuditEntry.objects.filter(act="permitted to drive").aexists()
    await asker.leave()
    await holder.leave()


async def reported(page: Socket, program: RobotProgram, held: LeaseState) -> None:
    """The robot has said who holds the lease, and the page has heard it."""
    await program.report(nonce="n-1", lease=held, mode="TELEOP", reason="GRANTED")
    while True:
        now = await page.hear("robot_now")
        await page.tell(teleop.Ack(n=now["n"]))
        if now["state"]["lease"] is not None:
            return


# -- robots ----------------------------------------------------------------------------------------------


async def robot_messages(lab: Lab) -> dict[str, Any]:
    session = await ControlSession.objects.acreate(robot=lab.robot, person=lab.people["operator"], fingerprint=PRINT)
    id = session.pk.hex
    run = await sync_to_async(lambda: Run.objects.first() or row_of(lab, lab.people["operator"]))()
    return {
        "hello": RobotProgram(lab.robot, lab.key).hello(),
        "proof": robot_link.Proof(signature=base64.b64encode(lab.key.sign(login_bytes(lab.robot.pk, ""))).decode()),
        "report": robot_link.Report(state=state()),
        "log": robot_link.Log(entries=(robot_link.LogEntry(n=1, time_ns=1, event="granted"),)),
        "answer": robot_link.Answer(session=id, sdp="v=0", fingerprint=PRINT, signature="", cameras=()),
        "session_refused": robot_link.SessionRefused(session=id, code="sdp_invalid", sentence="No."),
        "session_ended": robot_link.SessionEnded(session=id, reason="bye"),
        "stop_ack": robot_link.StopAck(source="x"),
        "token_request": robot_link.TokenRequest(),
        "run_report": RunReport(run=run.pk, fence=run.fence, n=0, time_ns=1, phase="ended", result="success"),
    }


@pytest.mark.parametrize("kind", [kind for kind in ROBOT if kind != "hello"])
async def test_a_stranger_is_heard_with_nothing_but_hello(lab: Lab, kind: str) -> None:
    stranger = Socket("/ws/robot/")
    await stranger.open()
    await stranger.tell((await robot_messages(lab))[kind])
    assert (await stranger.hear("refused"))["code"] == "log_in_first"
    assert await stranger.closed() == 4401
    assert not await AuditEntry.objects.aexists()
    assert await ControlSession.objects.filter(ended_at=None).acount() == 1


@pytest.mark.parametrize("known", ["robot", "held"])
async def test_a_robot_is_heard_as_the_table_says(lab: Lab, known: str) -> None:
    if known == "held":
        await Robot.objects.filter(pk=lab.robot.pk).aupdate(held_reason="looked at")
    program = RobotProgram(lab.robot, lab.key)
    await program.knock()
    await program.hear("held" if known == "held" else "welcome")
    for kind, message in (await robot_messages(lab)).items():
        who, answer = ROBOT[kind]
        said = await answer_to(program, msgspec.structs.replace(message, id=kind), answer if known in who else "")
        if known in who:
            assert said["type"] == (answer or "silence"), (kind, said)
        else:
            assert (said["type"], said["code"]) == ("refused", "unexpected" if not who else "held"), (kind, said)
    assert await ControlSession.objects.filter(ended_at=None).acount() == (1 if known == "held" else 0)
    await program.leave()


@pytest.mark.parametrize("kind", ["answer", "session_refused", "session_ended"])
async def test_row_32_a_robot_has_no_say_in_a_session_of_another(lab: Lab, program: RobotProgram, kind: str) -> None:
    page = await connected(lab, program, "operator")
    session = await ControlSession.objects.aget(ended_at=None)
    foreign_key = Ed25519PrivateKey.generate()
    await Robot.objects.filter(pk=lab.foreign.pk).aupdate(public_key=_public(foreign_key))
    other = RobotProgram(await sync_to_async(Robot.objects.get)(pk=lab.foreign.pk), foreign_key)
    await other.log_in()
    message = msgspec.structs.replace((await robot_messages(lab))[kind], session=session.pk.hex, id="1")
    said = await answer_to(other, message, "")
    assert (said["type"], said["code"]) == ("refused", "session_unknown")
    assert await page.wire.receive_nothing(0.05) or (await page.wire.receive_output())["text"].find("session_ended") < 0
    assert await ControlSession.objects.filter(pk=session.pk, ended_at=None).aexists()
    await other.leave()
    await page.leave()


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


async def test_what_is_no_session_at_all_is_refused_and_the_robot_stays(lab: Lab, program: RobotProgram) -> None:
    for n, id in enumerate(("", "x", "0" * 32, "0" * 31 + "\0", "\u202e" * 32)):
        for kind in ("answer", "session_refused", "session_ended"):
            message = msgspec.structs.replace((await robot_messages(lab))[kind], session=id, id=f"{kind}{n}")
            assert (await answer_to(program, message, ""))["code"] == "session_unknown"
