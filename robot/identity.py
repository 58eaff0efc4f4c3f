"""The robot's own Ed25519 key: made on the robot, never leaves it.  It proves who the robot is; it permits nothing."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.errors import Refused
from robot.durable import sync, write_durably

FILE, NEXT = "key", "key.next"
_RAW_BYTES = 32


class Identity:
    """Signs with the key in the file `key` of the robot's folder."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def create(cls, folder: Path) -> Identity:
        """A new key in a file of its own, which only its owner may read, until it is adopted."""
        key = Ed25519PrivateKey.generate()
        write_durably(folder / NEXT, key.private_bytes_raw(), 0o600)
        return cls(key)

    def adopt(self, folder: Path) -> None:
        """Makes the key just created the robot's key, in place of any other."""
        os.replace(folder / NEXT, folder / FILE)
        sync(folder)

    @classmethod
    def load(cls, folder: Path) -> Identity:
        """`Refused("key_missing" | "key_unsafe" | "key_invalid")`."""
        path = folder / FILE
        try:
            raw, mode = path.read_bytes(), path.stat().st_mode
        except OSError as error:
            raise Refused(
                "key_missing", f"The robot's key {path} cannot be read ({error.strerror}). Enrol the robot anew."
            ) from error
        if stat.S_IMODE(mode) & 0o077:
            raise Refused("key_unsafe", f"Others may read {path}. Run 'chmod 600 {path}', or enrol anew if they did.")
        if len(raw) != _RAW_BYTES:
            raise Refused("key_invalid", f"{path} is no key of {_RAW_BYTES} bytes. Enrol the robot anew.")
        return cls(Ed25519PrivateKey.from_private_bytes(raw))

    def drop(self, folder: Path) -> None:
        """Forgets the key just created: the server did not take it."""
        (folder / NEXT).unlink(missing_ok=True)

    @property
    def public_key(self) -> str:
        """Base64 of the 32 raw bytes."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)
