"""What the benchmarks of driving stand on: the real demo at one end of a line with faults, a page at the other.

The robot's output is read where it arrives, in the mailbox of the simulated body, with the kernel's own times.
"""

from __future__ import annotations

import http.cookiejar
import json
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robot.config import read_config
from robot.world import wire
from tests.demo_process import DemoProcess
from tests.robot_output import Output
from tests.robot_truth import RobotTruth
from tests.shaped_link import ROBOT, ShapedLink, inside

ROOT = Path(__file__).resolve().parent.parent


def sign_in(url: str, email: str, password: str) -> str:
    """The Cookie header of a signed-in person."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
    form = opener.open(f"{url}/sign-in/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token is not None, "no sign-in form"
    fields = {"username": email, "password": password, "csrfmiddlewaretoken": token.group(1)}
    body, headers = urllib.parse.urlencode(fields).encode(), {"Referer": f"{url}/sign-in/"}
    asked = urllib.request.Request(f"{url}/sign-in/", body, headers)  # noqa: S310  # our own server
    opener.open(asked).read()
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
    assert "sessionid" in cookies, f"{email} could not sign in"
    return cookies


class PageProcess:
    """bench/page.py as a child in one of the networks."""

    def __init__(self, link: ShapedLink, network: int, demo: DemoProcess, robot: str, role: str = "operator") -> None:
        with inside(network):
            cookies = sign_in(demo.url, *demo.people[role])
        argv = [sys.executable, str(ROOT / "bench" / "page.py"), demo.url, robot, cookies]
        self._process = link.popen(network, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.wait("open", 60)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))
        self._said.put({"failed": "the page's process ended"})

    def tell(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what}) + "\n")
        self._process.stdin.flush()

    def wait(self, what: str, within_s: float = 30.0) -> dict[str, Any]:
        """The next word that has `what` in it; RuntimeError when it does not come or something failed."""
        end_s, about = time.monotonic() + within_s, ""
        while True:
            try:
                said = self._said.get(timeout=max(0.0, end_s - time.monotonic()))
            except queue.Empty as error:
                raise RuntimeError(f"the page did not say {what!r} within {within_s:.0f} s; {about}") from error
            if "failed" in said:
                raise RuntimeError(f"the page failed: {said['failed']}")
            about = str(said.get("waiting", about))
            if what in said:
                return said

    def __enter__(self) -> PageProcess:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Rig:
    """A line, a demo with one robot behind it, and what its robot does."""

    def __init__(self, link: ShapedLink, demo: DemoProcess) -> None:
        self.link, self.demo = link, demo
        folder = demo.data / "robots" / "kestrel-1"
        self.robot = read_config(folder).robot
        self.truth = RobotTruth(folder)
        command = self.truth.run_dir / wire.command_file(0)
        until(command.exists, 60, "the simulated arm is there")
        self.output = Output(self.truth.run_dir)

    def moves_within(self, seconds: float, moving_s: float) -> bool:
        """Whether it moves for `moving_s` in a row before that."""
        try:
            until(lambda: self.output.moving_for(moving_s), seconds, "the arm moves")
        except RuntimeError:
            return False
        return True

    def page(self, network: int) -> PageProcess:
        return PageProcess(self.link, network, self.demo, self.robot)


@contextmanager
def rig() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="reins-bench-") as folder, ShapedLink() as link:
        demo = DemoProcess(Path(folder), host=ROBOT)
        try:
            with inside(link.robot):
                demo.start()
            ready = Rig(link, demo)
            yield ready
            ready.output.close()
        finally:
            demo.stop()


def until(true: Callable[[], object], within_s: float, what: str) -> None:
    end_s = time.monotonic() + within_s
    while not true():
        if time.monotonic() > end_s:
            raise RuntimeError(f"after {within_s:.0f} s still not: {what}")
        time.sleep(0.005)
