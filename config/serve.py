"""Starts daphne with this site's limits: `python -m config.serve --port 8000 --role all`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from daphne import server as daphne_server  # first: it installs the asyncio reactor
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory

BODY = 3 * 1024 * 1024
WEBSOCKET_MESSAGE = 1024 * 1024
SILENT_S, PONG_S = 15, 12  # a peer that answers no ping is gone within 30 s, daphne's own 2 s of looking included
TOO_LARGE = b'{"code": "too_large", "sentence": "A request may carry at most 3 MiB.", "detail": {"limit": 3145728}}'


class LimitedRequest(WebRequest):  # type: ignore[misc]
    """Answers 413 as soon as the body passes the limit, whatever it claimed about its length."""

    received = 0

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is not None and length > BODY:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self.received += len(data)
        if self.received > BODY:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def _refuse(self) -> None:
        if self.channel is None or self.channel.transport is None:
            return
        head = (
            b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(TOO_LARGE)
        )
        transport = self.channel.transport
        transport.write(head + TOO_LARGE)
        transport.loseConnection()


class LimitedFactory(HTTPFactory):  # type: ignore[misc]
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = LimitedRequest
        return protocol


class PoliteFactory(WebSocketFactory):  # type: ignore[misc]
    """Says why it closes (1009 for a message that is too large) instead of cutting the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.setProtocolOptions(failByDrop=False)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Serve the pages and sockets of Reins.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--role", default=os.environ.get("REINS_ROLE", "all"), choices=("all", "pages", "robots", "inference"))
    parser.add_argument("--silent-s", type=float, default=SILENT_S, help="seconds of silence after which a socket is pinged")
    parser.add_argument("--pong-s", type=float, default=PONG_S, help="seconds that the answer to a ping may take")
    options = parser.parse_args(argv)
    os.environ["REINS_ROLE"] = options.role
    from django.conf import settings

    from config.asgi import application
    from config.proxy import BehindProxy

    served = BehindProxy(application) if settings.REINS_TRUSTED_PROXY else application
    daphne_server.HTTPFactory = LimitedFactory
    daphne_server.WebSocketFactory = PoliteFactory
    server = daphne_server.Server(
        served,
        endpoints=[f"tcp:port={options.port}:interface={options.host}"],
        ping_interval=options.silent_s,
        ping_timeout=options.pong_s,
        websocket_max_message_size=WEBSOCKET_MESSAGE,
        websocket_max_frame_size=WEBSOCKET_MESSAGE,
        application_close_timeout=5,
        server_name="reins",
    )
    server.run()
    sys.exit(0 if server.listening_addresses else 1)


if __name__ == "__main__":
    main()
