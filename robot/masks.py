"""The privacy masks that the server set for this robot: checked, kept on the disk as they were signed, read again.

The link keeps them, the media process applies them.  What cannot be read is not guessed.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.errors import Refused
from protocol.masks import MaskSet, decode_masks
from protocol.permit import Signed
from robot.durable import write_durably

FILE = "masks"


def verified(signed: Signed, server_key: str, robot: str) -> MaskSet:
    """The signed masks; `Refused` with `signature_invalid`, `masks_invalid` or `masks_wrong_robot`."""
    payload, signature = signed.parts()
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(server_key, validate=True)).verify(signature, payload)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Refused("signature_invalid", "The server this robot was enrolled at has not signed these masks.") from error
    masks = decode_masks(payload)
    if masks.robot != robot:
        raise Refused("masks_wrong_robot", "These masks are another robot's.")
    return masks


def read(folder: Path, server_key: str, robot: str) -> MaskSet:
    """What was kept last.  `Refused("masks_unknown")` before the server's first word, `Refused("masks_unreadable")`."""
    try:
        raw = (folder / FILE).read_bytes()
    except FileNotFoundError as error:
        raise Refused("masks_unknown", "The server has not said yet which parts of the pictures are private.") from error
    except OSError as error:
        raise Refused("masks_unreadable", f"The privacy masks cannot be read: {error.strerror}.") from error
    try:
        return verified(msgspec.json.decode(raw, type=Signed), server_key, robot)
    except (msgspec.DecodeError, UnicodeDecodeError, Refused) as error:
        sentence = "The privacy masks kept on this robot are damaged. It asks its server for them when it connects."
        raise Refused("masks_unreadable", sentence) from error


def keep(folder: Path, signed: Signed, server_key: str, robot: str) -> MaskSet:
    """Replaces what is kept, durably; the newer ones stay when older ones come.

    Refused as `verified`, `masks_old`, or `masks_not_kept`: then nothing is kept at all, and no picture is shown, because
    the ones kept before are known to be out of date.
    """
    masks = verified(signed, server_key, robot)
    known = _version(folder, server_key, robot)
    if masks.version < known:
        raise Refused("masks_old", f"The server sent privacy masks of version {masks.version}; {known} is known. Set them again.")
    if masks.version == known:
        return masks
    try:
        write_durably(folder / FILE, msgspec.json.encode(signed), 0o600)
    except OSError as error:
        with contextlib.suppress(OSError):
            (folder / FILE).unlink(missing_ok=True)
        raise Refused("masks_not_kept", f"The new privacy masks cannot be kept: {error.strerror}.") from error
    return masks


def _version(folder: Path, server_key: str, robot: str) -> int:
    """-1 while nothing readable is kept."""
    try:
        return read(folder, server_key, robot).version
    except Refused:
        return -1
