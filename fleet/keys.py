"""The server's signing key: made at the first start, mode 0600, its public half pinned by every robot at enrolment."""

from __future__ import annotations

import base64
import contextlib
import os
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from protocol.permit import Signed, seal


@cache
def _key(path: Path) -> Ed25519PrivateKey:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    if not path.exists():
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # the first process to arrive decides
            os.link(part, path)
        part.unlink()
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def _path() -> Path:
    return Path(settings.REINS_DATA_DIR) / "signing_key"


def sign(payload: bytes) -> Signed:
    return seal(payload, _key(_path()).sign(payload))


def public_key() -> str:
    """Base64 of the raw 32 bytes."""
    return base64.b64encode(_key(_path()).public_key().public_bytes_raw()).decode()
