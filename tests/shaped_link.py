"""A network of two places and one bad line between them: delay, jitter, loss, duplicates, disorder, cuts, each way.

Two network namespaces with a TUN device each, and a process that carries the packets.  Linux, root only.  Nothing has a
name and everything hangs on open files: when the maker dies, however, line and places are gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROBOT, OPERATOR = "10.77.0.1", "10.77.0.2"
_MASK = "248.0.0.0"  # leads to 8.0.0.0 and on: browsers offer the address from which 8.8.8.8 would be reached
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_SET_ADDRESS, _SET_MASK, _GET_FLAGS, _SET_FLAGS, _UP = 0x8916, 0x891C, 0x8913, 0x8914, 0x1
_LOOK_S = 0.5
_BURST = 64  # packets of one side before the other has its turn
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Way:
    """What happens to the packets of one direction; shares 0..1, each packet by itself.

    A packet out of order comes `late_s` after the others; jitter is added evenly from 0 to `jitter_s`.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late_s: float = 0.03
    cut: bool = False

    def arrivals(self, now_s: float, rng: random.Random) -> list[float]:
        """When this packet arrives: nothing when it is lost, two times when it is doubled."""
        if self.cut or rng.random() < self.loss:
            return []
        copies = 2 if rng.random() < self.duplicate else 1
        late_s = self.late_s if rng.random() < self.reorder else 0.0
        return [now_s + self.delay_s + late_s + rng.random() * self.jitter_s for _ in range(copies)]


CLEAR = Way()


# -- the process between the two places ------------------------------------------------------------------------------------


class Carrier:
    """Reads packets from one TUN and writes them into the other when they are due."""

    def __init__(self, robot: int, operator: int, control: socket.socket) -> None:
        self._other = {robot: operator, operator: robot}
        self._ways = {operator: CLEAR, robot: CLEAR}  # by the side that sends
        self._sides = {"to_robot": operator, "to_operator": robot}
        self._control = control
        self._due: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._rng = random.Random()

    def run(self) -> None:
        """Until the maker's end of the control socket closes."""
        while True:
            wait_s = max(0.0, self._due[0][0] - time.monotonic()) if self._due else _LOOK_S
            ready, _, _ = select.select([*self._other, self._control.fileno()], [], [], min(wait_s, _LOOK_S))
            if self._control.fileno() in ready and not self._obey():
                return
            for side in self._other:
                if side in ready:
                    self._take(side)
            self._deliver()

    def _obey(self) -> bool:
        packet = self._control.recv(65536)
        if not packet:
            return False
        for name, way in json.loads(packet).items():
            self._ways[self._sides[name]] = Way(**way)
            if way["cut"]:  # what is on its way is lost too
                other = self._other[self._sides[name]]
                self._due = [entry for entry in self._due if entry[2] != other]
                heapq.heapify(self._due)
        self._control.send(repr(time.monotonic()).encode())
        return True

    def _take(self, side: int) -> None:
        for _ in range(_BURST):
            try:
                packet = os.read(side, 65535)
            except BlockingIOError:
                return
            for at_s in self._ways[side].arrivals(time.monotonic(), self._rng):
                self._count += 1
                heapq.heappush(self._due, (at_s, self._count, self._other[side], packet))

    def _deliver(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, side, packet = heapq.heappop(self._due)
            with contextlib.suppress(OSError):  # a full queue, a device going down: lost like any packet
                os.write(side, packet)


# -- making the places -----------------------------------------------------------------------------------------------------


def enter(network: int) -> None:
    """Moves the calling thread, and what it starts from now on, into the network behind this descriptor."""
    if _libc.setns(network, _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(network: int) -> Iterator[None]:
    """Sockets opened and programs started by this thread in the block belong to that network."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(network)
        yield
    finally:
        enter(before)
        os.close(before)


def possible() -> str:
    """ "" where this machine lets us make such a line, else a sentence that says what is missing."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "A line with faults needs Linux and root (network namespaces)."
    if not Path("/dev/net/tun").exists():
        return "There is no /dev/net/tun: load the module tun."
    return ""


def _new_place(name: str, address: str) -> tuple[int, int]:
    """(network, TUN) of a new namespace with a loopback of its own.  Made in a thread, which alone moves there."""
    made: list[tuple[int, int] | OSError] = []

    def make() -> None:
        try:
            if _libc.unshare(_NEW_NETWORK) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            with contextlib.suppress(OSError):  # a kernel without IPv6
                Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
            network = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            made.append((network, _tun(name, address)))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def _tun(name: str, address: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for request, value in ((_SET_ADDRESS, address), (_SET_MASK, _MASK)):
            sockaddr = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(asking, request, struct.pack("16s16s8x", name.encode(), sockaddr))
        for interface in (b"lo", name.encode()):
            flags = struct.unpack("16sH22x", fcntl.ioctl(asking, _GET_FLAGS, struct.pack("16sH22x", interface, 0)))[1]
            fcntl.ioctl(asking, _SET_FLAGS, struct.pack("16sH22x", interface, flags | _UP))
    return device


@dataclass
class ShapedLink:
    """The line, from `start` to `stop`.  `robot` and `operator` are the networks at its ends."""

    robot: int = -1
    operator: int = -1
    _tuns: tuple[int, ...] = ()
    _ways: dict[str, Way] = field(default_factory=dict)

    def start(self) -> ShapedLink:
        """Raises RuntimeError with what is missing."""
        if problem := possible():
            raise RuntimeError(problem)
        self.robot, robot_tun = _new_place("robot", ROBOT)
        self.operator, operator_tun = _new_place("operator", OPERATOR)
        self._tuns = (robot_tun, operator_tun)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._carrier = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), *map(str, self._tuns), str(theirs.fileno())],
            pass_fds=(*self._tuns, theirs.fileno()),
        )
        theirs.close()
        self.clear()
        return self

    def stop(self) -> None:
        self._control.close()
        self._carrier.wait()
        for descriptor in (self.robot, self.operator, *self._tuns):
            os.close(descriptor)

    def __enter__(self) -> ShapedLink:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def set(self, to_robot: Way | None = None, to_operator: Way | None = None) -> float:
        """Changes one way or both; gives the monotonic second from which on it is so."""
        ways = {"to_robot": to_robot, "to_operator": to_operator}
        self._control.send(json.dumps({name: asdict(way) for name, way in ways.items() if way}).encode())
        return float(self._control.recv(64))

    def both(self, way: Way) -> float:
        return self.set(way, way)

    def clear(self) -> float:
        return self.both(CLEAR)

    def popen(self, network: int, argv: list[str], **options: Any) -> subprocess.Popen[Any]:
        """A program in that network, which dies with this process."""
        return subprocess.Popen(argv, preexec_fn=_in_network(network, os.getpid()), **options)

    def script(self, path: Path, network: int, program: str) -> Path:
        """A script that starts `program` in that network, for those who start programs by themselves (browsers)."""
        namespace = f"/proc/{os.getpid()}/fd/{network}"
        path.write_text(f'#!/bin/sh\nexec nsenter --net={namespace} -- "{program}" "$@"\n')
        path.chmod(0o700)
        return path


def _in_network(network: int, parent: int) -> Callable[[], None]:
    def prepare() -> None:
        enter(network)
        _libc.prctl(1, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def main(robot: int, operator: int, control: int) -> None:
    with contextlib.suppress(OSError):
        os.nice(-10)  # a late carrier would be a longer line
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Carrier(robot, operator, socket.socket(fileno=control)).run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
