"""TURN with the real coturn as deployed: who gets a relay, for how long, and where it will not lead."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioice import stun
from aioice.turn import TurnClientUdpProtocol
from aiortc import RTCConfiguration, RTCPeerConnection

from robot.link.outlets import PeerEvents
from robot.link.rtc import Peer
from robot.link.sdp import checked_offer
from teleop import ice
from tests.teleop.turn_server import TurnServer, compose_flags

SECRET = "a-secret-of-this-test"

# IANA's registries of special-purpose addresses (RFC 6890 and its successors), and what RFC 8155 names for relays
SPECIAL = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
    "fc00::/7", "fe80::/10", "ff00::/8",
)  # fmt: skip


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def coturn() -> Iterator[TurnServer]:
    with TurnServer("127.0.0.1", free_udp_port(), SECRET) as server:
        yield server


@pytest.fixture
def handed_out(coturn: TurnServer, settings: Any) -> dict[str, Any]:
    """What a page and a robot get from the site."""
    settings.REINS_ICE_SERVERS, settings.REINS_TURN_SECRET = [coturn.url], SECRET
    (server,) = ice.servers("person-1")
    return server


@asynccontextmanager
async def client(coturn: TurnServer, username: str, password: str) -> AsyncIterator[TurnClientUdpProtocol]:
    host, port = coturn.url.split(":")[1:]
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: TurnClientUdpProtocol(
            (host, int(port)), username=username, password=password, lifetime=600, channel_refresh_time=500
        ),
        remote_addr=(host, int(port)),
    )
    try:
        yield protocol
    finally:
        if protocol.refresh_task is not None:
            protocol.refresh_task.cancel()
        transport.close()


async def refusal(coturn: TurnServer, username: str, password: str) -> int:
    async with client(coturn, username, password) as protocol:
        with pytest.raises(stun.TransactionFailed) as failed:
            await protocol.connect()
        return failed.value.response.error_code or 0


async def test_handed_out_credentials_open_a_relay_and_end_within_ten_minutes(
    coturn: TurnServer, handed_out: dict[str, Any], settings: Any
) -> None:
    async with client(coturn, handed_out["username"], handed_out["credential"]) as protocol:
        assert (await protocol.connect())[0] == "127.0.0.1"
    (server,) = ice.servers("person-1", now_s=1000.0)
    assert 1000 < int(server["username"].split(":")[0]) <= 1000 + 600
    assert ice.FRESH_S < settings.REINS_TURN_TTL_S, "a page that stays open has new ones before its own end"


async def test_an_expired_credential_is_refused_with_401(coturn: TurnServer, handed_out: dict[str, Any]) -> None:
    import time

    (old,) = ice.servers("person-1", now_s=time.time() - 601)
    assert await refusal(coturn, old["username"], old["credential"]) == 401


async def test_a_wrong_password_and_a_stretched_expiry_are_refused_with_401(
    coturn: TurnServer, handed_out: dict[str, Any]
) -> None:
    assert await refusal(coturn, handed_out["username"], "bm90IHRoZSBwYXNzd29yZA==") == 401
    expiry, person = handed_out["username"].split(":")
    assert await refusal(coturn, f"{int(expiry) + 3600}:{person}", handed_out["credential"]) == 401


async def test_a_relay_goes_on_when_its_credential_has_ended(
    coturn: TurnServer, settings: Any, handed_out: dict[str, Any]
) -> None:
    """Or driving over a relay would end after ten minutes."""
    settings.REINS_TURN_TTL_S = 2
    (short,) = ice.servers("person-1")
    async with client(coturn, short["username"], short["credential"]) as protocol:
        await protocol.connect()
        await asyncio.sleep(3.2)
        assert await refusal(coturn, short["username"], short["credential"]) == 401, "for new relays it is over"
        request = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
        request.attributes["LIFETIME"] = 600
        response, _ = await protocol.request_with_retry(request)
        assert response.attributes["LIFETIME"] > 0


async def test_the_relay_leads_to_the_internet_and_to_no_special_address(coturn: TurnServer, handed_out: dict[str, Any]) -> None:
    async with client(coturn, handed_out["username"], handed_out["credential"]) as protocol:
        await protocol.connect()
        await protocol.channel_bind(0x4000, ("8.8.8.8", 53))
        led: list[str] = []
        for number, network in enumerate(SPECIAL):
            one = ipaddress.ip_network(network)
            if one.version == 6:  # a relay with an IPv4 address refuses them in any case; the flags below are for others
                continue
            try:
                await protocol.channel_bind(0x4001 + number, (str(one[2]), 53))
                led.append(network)
            except stun.TransactionFailed as failed:
                assert failed.response.error_code == 403
        assert led == []


def test_the_deployed_flags_deny_every_special_purpose_network_whole() -> None:
    ranges = [flag.removeprefix("--denied-peer-ip=") for flag in compose_flags() if flag.startswith("--denied-peer-ip=")]
    denied = [tuple(map(ipaddress.ip_address, (one.split("-") * 2)[:2])) for one in ranges]
    for network in map(ipaddress.ip_network, SPECIAL):
        first, last = network[0], network[-1]
        inside = any(a.version == first.version and a <= first and last <= b for a, b in denied)  # type: ignore[operator]
        assert inside, f"{network} is not denied"


def test_the_deployed_flags_ask_for_credentials_and_set_quotas() -> None:
    names = {flag.split("=")[0] for flag in compose_flags()}
    assert {"--use-auth-secret", "--static-auth-secret", "--user-quota", "--total-quota", "--no-cli", "--no-tcp-relay"} <= names
    assert not names & {"--no-auth", "--allow-loopback-peers"}


# -- the robot's side --------------------------------------------------------------------------------------------------


class Silent(PeerEvents):
    """Hears nothing: these peers never connect."""


async def answered(servers: tuple[dict[str, Any], ...]) -> str:
    """The robot's answer to a page's offer when it is handed these servers."""
    page = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    page.createDataChannel("state")
    page.addTransceiver("video", direction="recvonly")
    await page.setLocalDescription(await page.createOffer())
    robot = Peer(servers, Silent())  # type: ignore[abstract]
    try:
        return await robot.answer(checked_offer(page.localDescription.sdp), ("scene",))
    finally:
        await robot.close()
        await page.close()


async def test_the_robot_offers_a_relay_at_the_server_it_was_handed(coturn: TurnServer, handed_out: dict[str, Any]) -> None:
    answer = await answered((handed_out,))
    assert " typ relay" in answer
    assert f"<{handed_out['username'].split(':')[1]}>" in coturn.log() or handed_out["username"] in coturn.log()


async def test_a_robot_that_the_relay_refuses_still_answers_for_a_direct_path(
    coturn: TurnServer, handed_out: dict[str, Any]
) -> None:
    answer = await answered(({**handed_out, "credential": "wrong"},))
    assert " typ relay" not in answer
    assert " typ host" in answer


async def test_nobody_outside_is_asked_unless_configured(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import aioice.ice

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("an outside server was asked")

    monkeypatch.setattr(aioice.ice, "server_reflexive_candidate", asked)
    monkeypatch.setattr(aioice.ice, "relayed_candidate", asked)
    assert settings.REINS_ICE_SERVERS == []
    assert ice.servers("person-1") == ()
    answer = await answered(())
    assert " typ host" in answer
    assert "srflx" not in answer and "relay" not in answer
