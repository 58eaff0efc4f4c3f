"""A picture's packets arrive whole, in order and each by itself, however they were sent."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from robot.link.burst import Burst, runs


def packets(*sizes: int) -> list[bytes]:
    return [bytes([i]) * size for i, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "together"),
    [
        ([], []),
        ([40], [1]),
        ([1200, 1200, 1200], [3]),
        ([1200, 1200, 1199, 1199], [3, 1]),
        ([30, 1200, 1200, 500], [1, 3]),
        ([500, 200, 200], [2, 1]),
        ([100] * 130, [64, 64, 2]),
        ([1300] * 100, [46, 46, 8]),
    ],
)
def test_a_run_has_one_size_and_only_its_last_may_be_smaller(sizes: list[int], together: list[int]) -> None:
    found = list(runs(packets(*sizes)))
    assert [len(run) for run in found] == together
    assert [len(packet) for run in found for packet in run] == sizes


class Relay:
    """A transport without a socket of its own, as a TURN allocation is."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendto(self, packet: bytes, _address: Any) -> None:
        self.sent.append(packet)


def test_a_relay_gets_each_packet() -> None:
    relay, sent = Relay(), packets(1200, 1200, 700)
    Burst(relay).send(sent, ("192.0.2.1", 9))
    assert relay.sent == sent


@pytest.mark.parametrize("refuse", [False, True])
async def test_each_packet_arrives_by_itself(refuse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the kernel will not segment: then, and from then on, the transport sends."""
    sent = packets(1200, 1200, 1199, 1199, 300, 900)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(2)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        if refuse:
            monkeypatch.setattr("robot.link.burst._UDP_SEGMENT", 9999)
        burst = Burst(transport)
        burst.send(sent, receiver.getsockname())
        burst.send(sent, receiver.getsockname())
        assert [receiver.recv(2000) for _ in range(2 * len(sent))] == sent * 2
        assert (burst._socket is None) is refuse
        transport.close()
