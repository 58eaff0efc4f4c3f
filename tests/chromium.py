"""A headless Chromium as a person would use it; the flags keep it off the network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-renderer-backgrounding",
]


def executable() -> str:
    """PLAYWRIGHT_CHROMIUM, or the system's browser."""
    found = os.environ.get("PLAYWRIGHT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        raise RuntimeError("No Chromium: install the Debian package chromium, or set PLAYWRIGHT_CHROMIUM.")
    return found


@contextmanager
def chromium(*more: str, program: str = "") -> Iterator[Browser]:
    """`program` in place of the usual one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program or executable(), headless=True, args=[*FLAGS, *more])
        try:
            yield browser
        finally:
            browser.close()
