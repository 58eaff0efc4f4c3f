"""Rows 26 to 32: bad offers from the page through the server to the robot's own judgement, and back to the page.

Real consumers and real sessions of the link; only the connection itself is not made.  What mutation finds is below.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import robot_link, teleop
from protocol.errors import Refused
from robot.link import rtc
from robot.link.sdp import MAX_CANDIDATES, checked_offer
from teleop import signalling
from teleop.models import ControlSession
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram, Socket, sign_in
from tests.robot.link.fake_peer import Stage
from tests.robot.link.test_sdp import GOOD, PRINT, offer

OTHER = ":".join(["CD"] * 32)
FEW = ":".join(["AB"] * 16)


class AnsweringRobot(RobotProgram):
    """A robot that answers offers as its link process does."""

    async def answer_offers(self, stage: Stage) -> None:
        while True:
            asked = msgspec.convert(await self.hear("offer", 60.0), robot_link.Offer)
            try:
                answer: Any = await stage.sessions.offer(asked)
            except Refused as refused:
                answer = robot_link.SessionRefused(
                    session=asked.session, code=refused.code, sentence=refused.sentence, detail=dict(refused.detail)
                )
            await self.tell(answer)


@pytest.fixture
async def page(lab: Lab) -> AsyncIterator[tuple[Socket, Stage]]:
    """A cockpit at a robot that answers."""
    robot, stage = AnsweringRobot(lab.robot, lab.key), Stage()
    await robot.log_in()
    await robot.report(nonce="n-1")
    task = asyncio.create_task(robot.answer_offers(stage))
    cockpit = Socket(f"/ws/teleop/{lab.robot.pk}/", await sign_in(lab.people["operator"]))
    await cockpit.open()
    while not (await cockpit.hear("robot_now"))["online"]:
        continue
    yield cockpit, stage
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await cockpit.leave()
    await robot.leave()


async def outcome(cockpit: Socket, sdp: str) -> tuple[str, str]:
    """(code, sentence) of a refusal, wherever it was decided; ("answer", "") when there is an answer."""
    await cockpit.tell(teleop.Offer(sdp=sdp))
    while True:
        event = await cockpit.wire.receive_output(10)
        assert event["type"] == "websocket.send", event
        said = msgspec.json.decode(event["text"])
        match said["type"]:
            case "refused":
                return said["code"], said["sentence"]
            case "session_ended":
                return said["reason"], said["sentence"]
            case "answer":
                return "answer", ""


BAD = {
    "row 26: empty": ("", "sdp_invalid"),
    "row 26: no description": ("hello", "sdp_invalid"),
    "row 26: cut in the head": (offer()[:40], "fingerprint_mismatch"),
    "row 26: cut in a section": (offer()[: offer().index("m=application")], "sdp_invalid"),
    "row 26: a megabyte": (offer() + "a=x:" + "y" * 1_000_000, "sdp_invalid"),
    "row 26: ten thousand sections": (offer() + "m=video 9 UDP/TLS/RTP/SAVPF 102\r\n" * 10_000, "sdp_invalid"),
    "row 26: a NUL": (offer() + "a=x:\0\r\n", "sdp_invalid"),
    "row 27: no fingerprint": (offer(""), "fingerprint_mismatch"),
    "row 27: md5": (offer(f"md5 {FEW}"), "fingerprint_mismatch"),
    "row 27: md5 beside sha-256": (offer() + f"a=fingerprint:md5 {FEW}\r\n", "fingerprint_mismatch"),
    "row 27: two that differ": (offer() + f"a=fingerprint:sha-256 {OTHER}\r\n", "fingerprint_mismatch"),
    "row 27: one that is cut": (offer(f"sha-256 {PRINT[:-3]}"), "fingerprint_mismatch"),
    "row 29: VP8 alone": (offer(codec="VP8"), "unsupported_codec"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", list(BAD))
async def test_a_bad_offer_is_refused_with_its_code_and_starts_nothing(page: tuple[Socket, Stage], case: str) -> None:
    cockpit, stage = page
    sdp, code = BAD[case]
    found, sentence = await outcome(cockpit, sdp)
    assert found == code
    assert sentence.endswith(".")
    assert stage.sessions.count == 0
    assert not await ControlSession.objects.filter(ended_at=None).aexists()
    assert await outcome(cockpit, offer()) == ("answer", "")  # and the page may go on


@pytest.mark.django_db(transaction=True)
async def test_rows_28_and_30_bad_and_too_many_candidates_are_left_out(page: tuple[Socket, Stage]) -> None:
    cockpit, stage = page
    flood = tuple(GOOD.replace("192.0.2.7", f"10.0.{n // 250}.{n % 250 + 1}") for n in range(300))
    bad = ("a=candidate:1 1 ssltcp 1518280447 192.0.2.7 443 typ host tcptype active", "a=candidate:nonsense")
    assert await outcome(cockpit, offer(candidates=(*bad, *flood))) == ("answer", "")
    assert stage.sessions.count == 1
    assert checked_offer(offer(candidates=(*bad, *flood))).sdp.count("a=candidate:") == MAX_CANDIDATES


@pytest.mark.django_db(transaction=True)
async def test_row_31_another_page_with_the_same_certificate_is_told_whose_it_is(page: tuple[Socket, Stage], lab: Lab) -> None:
    cockpit, stage = page
    assert await outcome(cockpit, offer()) == ("answer", "")
    other = Socket(f"/ws/teleop/{lab.robot.pk}/", await sign_in(lab.people["engineer"]))
    await other.open()
    while not (await other.hear("robot_now"))["online"]:
        continue
    assert (await outcome(other, offer()))[0] == "session_live"
    assert stage.sessions.count == 1
    await other.leave()


# -- mutated offers ------------------------------------------------------------------------------------

LINES = offer(candidates=(GOOD, "a=candidate:2 1 tcp 1 192.0.2.7 9 typ host tcptype active")).split("\r\n")
NASTY = st.sampled_from(
    ["", "\0", "\ud7ff", "a=", "=", "m=", "m=video 9 X 1", "m=application 99999999 X 1", "a=fingerprint:",
     "a=fingerprint:sha-256", "a=fingerprint:sha-256 " + OTHER, "a=candidate:", "a=candidate:1 1 udp 1 ::1 9 typ host",
     "a=rtpmap:999999 H264/0", "a=rtpmap:x", "a=rtpmap:102 H264", "a=mid:", "a=mid:" + "0" * 999, "a=group:BUNDLE",
     "a=ice-ufrag:", "a=ice-pwd:", "a=setup:active", "a=setup:x", "a=sctp-port:x", "a=ssrc:x", "a=extmap:0", "a=fmtp:102",
     "a=rtcp-fb:", "c=IN IP9 x", "a=max-message-size:-1", "a=sendrecv", "a=ice-options:" + "x" * 5000, "t=", "o="]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The good offer with lines dropped, doubled, moved, replaced, cut, or with letters changed."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["drop", "double", "move", "replace", "insert", "cut", "letter"])):
            case "drop" if len(lines) > 1:
                del lines[at]
            case "double":
                lines[at:at] = [lines[at]] * draw(st.sampled_from([1, 2, 50]))
            case "move":
                lines.insert(draw(st.integers(0, len(lines))), lines[at])
            case "replace":
                lines[at] = draw(NASTY)
            case "insert":
                lines.insert(at, draw(NASTY))
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case _:
                place = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:place] + draw(st.characters(codec="utf-8")) + lines[at][place + 1 :]
    return draw(st.sampled_from(["\r\n", "\n"])).join(lines)


QUIET = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(QUIET, max_examples=400)
@given(mutated())
def test_row_26_a_mutated_offer_is_refused_or_harmless(sdp: str) -> None:
    """Server and link: `Refused` with a sentence, or an offer that keeps every rule."""
    for judge in (signalling.fingerprint, checked_offer):
        try:
            found = judge(sdp)
        except Refused as refused:
            assert refused.sentence.endswith(".")
            assert refused.code in ("sdp_invalid", "fingerprint_mismatch", "unsupported_codec")
        else:
            kept = getattr(found, "sdp", "")
            assert kept.count("a=candidate:") <= MAX_CANDIDATES and "ssltcp" not in kept


class NoEvents:
    """A peer that is never connected tells nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@settings(QUIET, max_examples=200)
@given(mutated())
def test_row_26_what_passes_the_judgement_never_breaks_the_library(sdp: str) -> None:
    """The WebRTC library parses it in earnest: an answer or `sdp_invalid`, no other exception."""
    try:
        offered = checked_offer(sdp)
    except Refused:
        return

    async def answered() -> None:
        peer = rtc.Peer([], NoEvents())
        try:
            answer = await peer.answer(offered, ["scene"])
            assert answer.startswith("v=0")
        except Refused as refused:
            assert refused.code == "sdp_invalid"
        finally:
            await peer.close()

    asyncio.run(asyncio.wait_for(answered(), 20.0))
