"""Checks for what pip cannot bring and, as root on a Debian system, installs it; otherwise names the packages.

`python config/system_packages.py demo|test`; needs nothing but Python.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def _library(name: str) -> bool:
    return ctypes.util.find_library(name) is not None


def _dri() -> bool:
    places = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
    return any(any(Path(place).glob(f"{depth}dri/*_dri.so")) for place in places for depth in ("", "*/"))


def _chromium() -> bool:
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")) or bool(
        os.environ.get("PLAYWRIGHT_CHROMIUM")
    )


Need = tuple[str, Callable[[], bool], str]
DEMO: tuple[Need, ...] = (
    ("libegl1", lambda: _library("EGL"), "simulated robots draw their cameras with EGL"),
    ("libgl1-mesa-dri", _dri, "the software renderer behind EGL"),
)
TEST: tuple[Need, ...] = (
    *DEMO,
    ("chromium", _chromium, "journeys drive the pages in a real browser"),
    ("iproute2", lambda: bool(shutil.which("ip")), "fault tests cut and slow real links"),
    ("coturn", lambda: bool(shutil.which("turnserver")), "TURN is tested with the real server"),
)


def main() -> None:
    if not sys.platform.startswith("linux"):
        sys.exit("Reins runs on Linux: it needs its signals and packet sockets. Use a virtual machine or a container.")
    needs = DEMO if sys.argv[1:] == ["demo"] else TEST
    missing = [need for need in needs if not need[1]()]
    if not missing:
        return
    names = [name for name, _, _ in missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _install(names)
        return
    lines = [f"  {name}: {why}" for name, _, why in missing]
    sys.exit("\n".join(["These system packages are missing:", *lines, f"Install them: sudo apt-get install {' '.join(names)}"]))


def _install(names: list[str]) -> None:
    sys.stderr.write(f"Installing system packages: {', '.join(names)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"env": environment, "stdout": subprocess.DEVNULL}
    subprocess.run(["apt-get", "update", "-q"], check=False, **quiet)  # type: ignore[call-overload]
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *names]
    if subprocess.run(command, check=False, **quiet).returncode:  # type: ignore[call-overload]
        sys.exit(f"Could not install {', '.join(names)}. Install them by hand and repeat.")


if __name__ == "__main__":
    main()
