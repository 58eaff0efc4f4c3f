"""Whose address counts behind the site's own proxy, and that nobody's word about it counts without one."""

from __future__ import annotations

from typing import Any

import pytest

from config.proxy import BehindProxy, forwarded


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ((), ""),
        ((b"203.0.113.7",), "203.0.113.7"),
        ((b"10.9.9.9, 203.0.113.7",), "203.0.113.7"),  # the first is what the client made up
        ((b"10.9.9.9", b"10.8.8.8,203.0.113.7"), "203.0.113.7"),
        ((b"2001:db8::1",), "2001:db8::1"),
        ((b"203.0.113.7, nobody",), ""),
        ((b"",), ""),
        ((b"\xff",), ""),
    ],
)
def test_only_the_last_address_counts(values: tuple[bytes, ...], address: str) -> None:
    assert forwarded([(b"host", b"x"), *((b"X-Forwarded-For", value) for value in values)]) == address


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_site_sees_the_client_as_the_proxy_names_it(kind: str) -> None:
    seen: list[Any] = []

    async def site(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    for headers in ([(b"x-forwarded-for", b"10.9.9.9, 203.0.113.7")], []):
        await BehindProxy(site)({"type": kind, "client": ["172.18.0.5", 1234], "headers": headers}, None, None)
    assert seen == [["203.0.113.7", 0], ["172.18.0.5", 1234]]
