"""A small internet: a server's place in the middle, a robot's and an operator's that reach it and not each other.

Three network namespaces and two pairs of interfaces.  Linux, root and iproute2 only.  The middle forwards nothing, so
what robot and operator say to each other goes through a relay there.  Nothing has a name: all is gone with this process.
The addresses are public ones (nobody outside is asked), so that the rules for real relays hold here unchanged.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.shaped_link import enter

SERVER, ROBOT, OPERATOR = "5.1.0.1", "5.1.1.2", "5.1.2.2"
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_libc = ctypes.CDLL(None, use_errno=True)


def _made() -> int:
    """A new network.  Made in a thread, which alone moves there."""
    made: list[int] = []

    def make() -> None:
        if _libc.unshare(_NEW_NETWORK) == 0:
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise RuntimeError("Network namespaces need Linux and root.")
    return made[0]


class ThreePlaces:
    """`server`, `robot` and `operator` are the networks, for `inside` and `popen`."""

    def __init__(self) -> None:
        self.server, self.robot, self.operator = (_made() for _ in range(3))
        for network in (self.server, self.robot, self.operator):
            self.ip(network, "link", "set", "lo", "up")
        self.ip(self.server, "address", "add", f"{SERVER}/32", "dev", "lo")
        self._join("robot", self.robot, "5.1.1")
        self._join("operator", self.operator, "5.1.2")
        forwards = self._run(self.server, "cat", "/proc/sys/net/ipv4/ip_forward").strip()
        assert forwards == "0", "the middle must not forward"

    def _join(self, name: str, network: int, subnet: str) -> None:
        far = f"/proc/{os.getpid()}/fd/{network}"
        self.ip(self.server, "link", "add", name, "type", "veth", "peer", "name", "wan", "netns", far)
        for place, device, host in ((self.server, name, 1), (network, "wan", 2)):
            self.ip(place, "address", "add", f"{subnet}.{host}/24", "dev", device)
            self.ip(place, "link", "set", device, "up")
        self.ip(network, "route", "add", "default", "via", f"{subnet}.1")

    def cut(self, name: str) -> None:
        """Nothing goes to or from `robot` or `operator` until `mend`; nobody is told."""
        self.ip(self.server, "link", "set", name, "down")

    def mend(self, name: str) -> None:
        self.ip(self.server, "link", "set", name, "up")

    def ip(self, network: int, *words: str) -> None:
        self._run(network, "ip", *words)

    def _run(self, network: int, *argv: str) -> str:
        done = subprocess.run(argv, preexec_fn=lambda: enter(network), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout

    def popen(self, network: int) -> Callable[..., subprocess.Popen[Any]]:
        """Like subprocess.Popen, in that network; what it starts dies with this process."""
        parent = os.getpid()

        def prepare() -> None:
            enter(network)
            _libc.prctl(1, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        return lambda argv, **options: subprocess.Popen(argv, preexec_fn=prepare, **options)

    def script(self, path: Path, network: int, program: str) -> Path:
        """A script that starts `program` in that network, for those who start programs by themselves (browsers)."""
        path.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{os.getpid()}/fd/{network} -- "{program}" "$@"\n')
        path.chmod(0o700)
        return path

    def close(self) -> None:
        for network in (self.server, self.robot, self.operator):
            os.close(network)

    def __enter__(self) -> ThreePlaces:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
