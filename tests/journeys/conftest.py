"""One real demo and one real browser for all journeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.chromium import chromium
from tests.demo_process import DemoProcess


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    process = DemoProcess(tmp_path_factory.mktemp("demo"), robots=1).start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def signed_in(demo: DemoProcess, browser: Browser) -> Iterator[Callable[..., Page]]:
    """A page of a fresh browser profile, signed in as somebody with this role."""
    contexts = []

    def sign_in(role: str = "operator") -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        email, password = demo.people[role]
        page.goto(f"{demo.url}/sign-in/")
        page.fill("input[name=username]", email)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{demo.url}/")
        return page

    yield sign_in
    for context in contexts:
        context.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys run last and are marked; each may take longer than a unit test."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.timeout(240))
    items.sort(key=lambda item: item.get_closest_marker("journey") is not None)
