"""Checks what the server signed, with the key pinned at enrolment.  Whether it is fresh is the authority's question."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.errors import Refused
from protocol.permit import Permit, Renewal, Signed, decode_payload
from robot.kernel.lease import Claim

MAX_TEXT = 100  # characters of an id or a name: rows and status have fixed sizes


class ServerKey:
    """The server's public key and the id of this robot: a permit for another robot is as good as none."""

    def __init__(self, key: str, robot: str) -> None:
        """`key` is the raw Ed25519 public key in base64; `Refused("server_key_invalid")`."""
        try:
            self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        except (binascii.Error, ValueError) as error:
            raise Refused("server_key_invalid", "The pinned server key cannot be read. Enrol this robot again.") from error
        self._robot = robot

    def claim(self, signed: Signed) -> Claim:
        """A permit's words; `Refused` with `signature_invalid`, `permit_invalid` or `permit_wrong_robot`."""
        permit = self._open(signed)
        if not isinstance(permit, Permit):
            raise Refused("permit_invalid", "This is a renewal, not a permit.")
        if len(permit.person) > MAX_TEXT:
            raise Refused("permit_invalid", f"The id of a person may have {MAX_TEXT} characters.")
        over = (permit.over_epoch, permit.over_seq)
        return Claim(permit.act, permit.person, permit.name[:MAX_TEXT], permit.fingerprint, permit.nonce, permit.take, over)

    def renewal(self, signed: Signed) -> Renewal:
        """A renewal's words; refused as in `claim`."""
        renewal = self._open(signed)
        if not isinstance(renewal, Renewal):
            raise Refused("permit_invalid", "This is a permit, not a renewal.")
        return renewal

    def _open(self, signed: Signed) -> Permit | Renewal:
        payload, signature = signed.parts()
        try:
            self._key.verify(signature, payload)
        except InvalidSignature as error:
            raise Refused("signature_invalid", "The server this robot was enrolled at has not signed this.") from error
        message = decode_payload(payload)
        if message.robot != self._robot:
            raise Refused("permit_wrong_robot", "The permit is for another robot.")
        return message
