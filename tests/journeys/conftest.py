"""One real demo and one real browser for all journeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.chromium import chromium
from tests.demo_process import DemoProcess
from tests.journeys.recorded import episodes, record


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


@pytest.fixture
def episode(demo: DemoProcess, signed_in: Callable[..., Page]) -> dict[str, Any]:
    """Driven in the cockpit and checked, not reviewed yet."""
    page = signed_in("operator")
    there = [
        one for one in episodes(page) if one["people"] and one["playable"] and not one["reviewed"] and one["outcome"] == "success"
    ]
    return there[0] if there else record(demo, page)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys run last and are marked; each may take longer than a unit test."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.timeout(240))
    items.sort(key=lambda item: item.get_closest_marker("journey") is not None)
