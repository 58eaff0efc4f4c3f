"""Bad input to the real server over real sockets: body limits (row 4) and WebSockets (rows 15 to 25), once each."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from config.serve import BODY
from tests.bad_input.conftest import PONG_S, SILENT_S, Site

# -- row 4: bodies -------------------------------------------------------------------------------------


def head(site: Site, *lines: str) -> bytes:
    return "\r\n".join(
        ("POST /api/robots/enrol HTTP/1.1", f"Host: 127.0.0.1:{site.port}", "Content-Type: application/json", *lines, "", "")
    ).encode()


def answer(wire: socket.socket) -> tuple[int, dict[str, Any]]:
    """(status, JSON) of what came before the server closed."""
    raw = b""
    while piece := _read(wire):
        raw += piece
    status, _, body = raw.partition(b"\r\n\r\n")
    return int(status.split(b" ")[1]), json.loads(body)


def _read(wire: socket.socket) -> bytes:
    try:
        return wire.recv(65536)
    except ConnectionResetError:  # it does not listen to the rest
        return b""


def chunks(size: int) -> Iterator[bytes]:
    while True:
        yield b"%x\r\n%s\r\n" % (size, b"x" * size)


def sent_until_refused(wire: socket.socket, pieces: Iterator[bytes]) -> int:
    """Bytes that the server took before it answered or closed."""
    wire.setblocking(False)
    sent, end_s = 0, time.monotonic() + 30
    for piece in pieces:
        left = memoryview(piece)
        while left:
            assert time.monotonic() < end_s
            try:
                if wire.recv(1, socket.MSG_PEEK):
                    return sent
            except BlockingIOError:
                pass
            try:
                count = wire.send(left)
            except BlockingIOError:
                time.sleep(0.001)
                continue
            except ConnectionError:
                return sent
            left, sent = left[count:], sent + count
    return sent


def test_row_4_a_gigabyte_that_is_only_announced_is_refused_at_once(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 30) as wire:
        wire.sendall(head(site, "Content-Length: 1000000000"))
        status, body = answer(wire)
    assert (status, body["code"], body["detail"]["limit"]) == (413, "too_large", BODY)
    assert body["sentence"].endswith(".")


def test_row_4_a_body_of_endless_chunks_is_refused_where_the_limit_is(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 30) as wire:
        wire.sendall(head(site, "Transfer-Encoding: chunked"))
        sent = sent_until_refused(wire, chunks(64 * 1024))
        wire.setblocking(True)
        status, body = answer(wire)
    assert (status, body["code"]) == (413, "too_large")
    assert BODY < sent < BODY + 16 * 1024 * 1024  # what lies in the buffers between included


def test_row_4_a_length_that_lies_below_the_limit_gets_no_more_than_it_says(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 30) as wire:
        wire.sendall(head(site, "Content-Length: 2", "Connection: close") + b"{}" + b"x" * 100)
        status, body = answer(wire)
    assert (status, body["code"].split(":")[0]) == (400, "invalid_field")


def test_row_4_the_server_still_serves(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 30) as wire:
        wire.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        status, body = answer(wire)
    assert (status, body["database"]) == (200, "ok")


# -- rows 15 to 25: WebSockets -----------------------------------------------------------------------


def opened(site: Site, person: str = "operator", path: str = "/ws/fleet/", origin: str | None = "", **options: Any) -> connect:
    own = f"http://127.0.0.1:{site.port}"
    return connect(
        f"ws://127.0.0.1:{site.port}{path}",
        origin=(own if origin == "" else origin),  # type: ignore[arg-type]
        additional_headers=site.headers(person),
        proxy=None,
        **options,
    )


async def refusal(page: ClientConnection, message: Any) -> str:
    await page.send(message if isinstance(message, str) else json.dumps(message))
    while True:
        said = json.loads(await asyncio.wait_for(page.recv(), 10))
        if said["type"] == "refused":
            assert said["sentence"].endswith(".")
            return str(said["code"])


async def close_code(page: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await asyncio.wait_for(page.recv(), 15)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


@pytest.mark.parametrize("path", ["/ws/fleet/", "/ws/teleop/{}/"])
@pytest.mark.parametrize("origin", [None, "null", "http://evil.example"])
async def test_row_15_a_foreign_page_gets_403(site: Site, path: str, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(site, path=path.format(site.robot), origin=origin):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/ws/fleet/", "/ws/teleop/{}/"])
async def test_row_16_who_is_not_signed_in_gets_4401(site: Site, path: str) -> None:
    async with opened(site, "", path.format(site.robot)) as page:
        assert await close_code(page) == 4401


async def test_row_17_bytes_get_4400(site: Site) -> None:
    async with opened(site) as page:
        await page.send(b"\x01\x02")
        assert await close_code(page) == 4400


async def test_rows_18_19_22_and_24_are_refused_and_the_socket_stays(site: Site) -> None:
    async with opened(site) as page:
        assert await refusal(page, "no JSON") == "invalid_json"
        assert await refusal(page, {"type": "launch"}) == "unknown_type"
        assert await refusal(page, {"type": "ack", "n": "one"}) == "invalid_field:n"
        assert await refusal(page, {"type": "ack", "n": 1, "colour": "red"}) == "invalid_field:colour"
        assert await refusal(page, {"type": "ack"}) == "invalid_field:n"
        assert await refusal(page, {"type": "stop_robots", "id": "1", "robots": ["0" * 32]}) == "forbidden"
        assert await refusal(page, {"type": "stop_robots", "id": "1", "robots": ["0" * 32]}) == "id_reuse"


@pytest.mark.parametrize("path", ["/ws/fleet/", "/ws/robot/"])
async def test_row_20_a_frame_of_two_mebibytes_gets_1009(site: Site, path: str) -> None:
    async with opened(site, path=path) as page:
        with pytest.raises(ConnectionClosed):
            await page.send("x" * 2 * 1024 * 1024)
            while True:
                await asyncio.wait_for(page.recv(), 15)
        assert page.close_code == 1009


async def test_row_21_five_thousand_messages_get_4429(site: Site) -> None:
    async with opened(site) as page:
        try:
            for _ in range(5000):
                await page.send('{"type": "ack", "n": 0}')
        except ConnectionClosed:
            pass
        assert await close_code(page) == 4429


async def test_row_23_signing_out_elsewhere_gets_4403(site: Site) -> None:
    async with opened(site, "viewer") as fleet, opened(site, "viewer", f"/ws/teleop/{site.robot}/") as cockpit:
        await fleet.recv()
        await cockpit.recv()
        site.sign_out("viewer")
        assert [await close_code(fleet), await close_code(cockpit)] == [4403, 4403]


class Deaf:
    """A WebSocket client of bare bytes that reads and never answers."""

    def __init__(self, site: Site, person: str) -> None:
        self.wire = socket.create_connection(("127.0.0.1", site.port), 30)
        lines = [
            "GET /ws/fleet/ HTTP/1.1", f"Host: 127.0.0.1:{site.port}", f"Origin: http://127.0.0.1:{site.port}",
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *(f"{k}: {v}" for k, v in site.headers(person).items()), "", "",
        ]  # fmt: skip
        self.wire.sendall("\r\n".join(lines).encode())
        assert self.wire.recv(12) == b"HTTP/1.1 101"

    def until_closed(self) -> bytes:
        """Everything up to the end of the connection."""
        heard = b""
        while piece := _read(self.wire):
            heard += piece
        self.wire.close()
        return heard


def test_row_25_who_answers_no_ping_is_cut(site: Site) -> None:
    heard = Deaf(site, "operator").until_closed()
    assert b"\x89" in heard  # it was pinged, with a connection that was otherwise fine


async def test_row_25_who_answers_pings_stays(site: Site) -> None:
    async with opened(site) as page:
        await asyncio.to_thread(Deaf(site, "operator").until_closed)  # as long as it takes to cut who does not
        await page.send('{"type": "launch"}')
        assert await refusal(page, {"type": "launch"}) == "unknown_type"


def test_row_25_the_shipped_times_are_within_thirty_seconds() -> None:
    """The server looks each 2 s; a second ping before the first has run out would cut who is merely slow."""
    from config import serve

    assert serve.SILENT_S + 2 + serve.PONG_S <= 30
    assert serve.PONG_S < serve.SILENT_S
    assert SILENT_S + PONG_S < 30
