"""Who the client is behind the site's own proxy: the last address of X-Forwarded-For, which the proxy itself appended.

Used only with REINS_TRUSTED_PROXY; without a proxy that header is whatever a client likes to send.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class BehindProxy:
    """An ASGI application that sees clients as the proxy names them."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        address = forwarded(scope.get("headers", ()))
        await self._application({**scope, "client": [address, 0]} if address else scope, receive, send)


def forwarded(headers: Any) -> str:
    """The address that the nearest proxy appended; empty when there is none."""
    values = [value for name, value in headers if name.lower() == b"x-forwarded-for"]
    last = values[-1].decode("latin-1").rpartition(",")[2].strip() if values else ""
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return ""
