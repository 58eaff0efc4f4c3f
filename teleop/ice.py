"""ICE servers for a session: the site's own list, with TURN credentials that expire.

TURN REST scheme (draft-uberti-behave-turn-rest-00): user = "<expiry>:<person>", password = base64(HMAC-SHA1(secret, user)).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from django.conf import settings

FRESH_S = settings.REINS_TURN_TTL_S / 3  # a page is handed new ones this often, so that those it has are always good


def servers(person: str, now_s: float | None = None) -> tuple[dict[str, Any], ...]:
    """RTCIceServer objects; empty when none is configured, so that no outside host is ever asked."""
    return tuple(_server(url, person, time.time() if now_s is None else now_s) for url in settings.REINS_ICE_SERVERS)


def _server(url: str, person: str, now_s: float) -> dict[str, Any]:
    if not url.startswith(("turn:", "turns:")):
        return {"urls": url}
    user = f"{int(now_s) + settings.REINS_TURN_TTL_S}:{person}"
    digest = hmac.new(settings.REINS_TURN_SECRET.encode(), user.encode(), hashlib.sha1).digest()
    return {"urls": url, "username": user, "credential": base64.b64encode(digest).decode()}
