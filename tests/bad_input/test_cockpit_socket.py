"""Rows 15 to 24 on the cockpit's socket.  (The list's are beside it in tests/fleet; both once over a real server.)"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fleet.models import AuditEntry
from protocol import teleop
from teleop.models import ControlSession
from tests.fleet.conftest import Lab
from tests.fleet.rig import HOST, Socket, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def page(lab: Lab) -> AsyncIterator[Socket]:
    cockpit = Socket(f"/ws/teleop/{lab.robot.pk}/", await sign_in(lab.people["operator"]))
    await cockpit.open()
    await cockpit.hear("hello")
    yield cockpit
    if not cockpit.wire.future.done():
        await cockpit.leave()


async def nothing_changed() -> bool:
    return not await AuditEntry.objects.aexists() and not await ControlSession.objects.aexists()


@pytest.mark.parametrize("origin", [None, "", "null", "http://evil.example", f"http://{HOST}.evil.example", f"http://x@{HOST}"])
async def test_row_15_a_foreign_page_is_refused_at_the_handshake(lab: Lab, origin: str | None) -> None:
    headers = await sign_in(lab.people["admin"])
    del headers["origin"]
    cockpit = Socket(f"/ws/teleop/{lab.robot.pk}/", headers | ({} if origin is None else {"origin": origin}))
    assert (await cockpit.open())[0] is False


async def test_row_17_bytes_close_it(page: Socket) -> None:
    await page.wire.send_to(bytes_data=b"\x01" * 28)
    assert await page.closed() == 4400
    assert await nothing_changed()


BAD: dict[str, tuple[Any, str]] = {
    "row 18: no type": ({"id": "1"}, "unknown_type"),
    "row 18: an unknown type": ({"type": "drive"}, "unknown_type"),
    "row 18: a type of the robots": ({"type": "report"}, "unknown_type"),
    "row 18: a type that is a number": ({"type": 7}, "unknown_type"),
    "row 19: a field is missing": ({"type": "permit_request"}, "invalid_field:act"),
    "row 19: a value that is not known": ({"type": "permit_request", "act": "policy"}, "invalid_field:act"),
    "row 19: a field too many": ({"type": "bye", "force": True}, "invalid_field:force"),
    "row 19: a wrong kind": ({"type": "permit_request", "act": "drive", "force": "yes"}, "invalid_field:force"),
    "row 19: an id that is a number": ({"type": "stop_request", "id": 5}, "invalid_field:id"),
    "row 19: another version": ({"type": "bye", "v": 2}, "upgrade_required"),
    "row 19: a list": ([], "invalid_field:message"),
    "row 19: no JSON": ("{", "invalid_json"),
    "row 19: a lone surrogate": ('{"type": "offer", "sdp": "\\ud800"}', "invalid_json"),
    "row 3: depth": ('{"type":' + "[" * 10_000, "invalid_json"),
    "row 26: an offer that is none": ({"type": "offer", "sdp": ""}, "sdp_invalid"),
}


@pytest.mark.parametrize("case", list(BAD))
async def test_a_bad_message_is_refused_by_its_code_and_the_socket_stays(page: Socket, case: str) -> None:
    message, code = BAD[case]
    await page.tell(message if isinstance(message, str) else json.dumps(message))
    refused = await page.hear("refused")
    assert refused["code"] == code
    assert refused["sentence"].endswith(".")
    assert await nothing_changed()
    await page.tell('{"type": "again"}')
    assert (await page.hear("refused"))["code"] == "unknown_type"


async def test_row_21_a_flood_closes_it(page: Socket) -> None:
    for _ in range(300):
        await page.tell(teleop.Ack(n=0))
    assert await page.closed() == 4429


async def test_row_24_an_id_is_used_once(page: Socket) -> None:
    for code in ("robot_not_ready", "id_reuse"):
        await page.tell(teleop.PermitRequest(id="same", act="clear"))
        refused = await page.hear("refused")
        assert refused["id"] == "same"
        assert refused["code"] in (code, "robot_offline")
    assert refused["code"] == "id_reuse"
    assert await nothing_changed()
