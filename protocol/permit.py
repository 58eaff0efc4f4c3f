"""What the server signs and the robot's kernel verifies: permits, renewals.  Only the words and their bytes; keys live elsewhere.

A permit holds for 10 s after the robot minted `nonce` (on the robot's monotonic clock, so that no wall clock matters).
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal

import msgspec

from protocol.errors import Refused
from protocol.wire import U32, U63

PERMIT_S = 10.0
RENEW_S = 1.0
LEASE_TTL_S = 5.0


class Permit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="permit"):
    """The server's word that `person` (or a policy) may do `act` at `robot` through the peer with `fingerprint`.

    act: drive (a human lease), policy (a policy lease), clear (clear latched stops).  `take`: may end another person's lease,
    because they consented, did not answer for 10 s, or an administrator gave `reason`.  It ends the lease (`over_epoch`,
    `over_seq`) and no other: who came after the one that was asked is not displaced.
    """

    robot: str
    act: Literal["drive", "policy", "clear"]
    person: str
    name: str
    fingerprint: str  # sha-256 DTLS fingerprint of the peer, upper-case hex with colons
    nonce: str
    take: bool = False
    over_epoch: int = 0
    over_seq: int = 0
    reason: str = ""


class Renewal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="renewal"):
    """The server still agrees to the lease (epoch, seq); `counter` rises with each.  `revoke` ends the lease now."""

    robot: str
    epoch: U32
    seq: U32
    counter: U63
    revoke: bool = False
    reason: str = ""


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`payload` and Ed25519 `signature` over exactly those bytes, both base64."""

    payload: str
    signature: str

    def parts(self) -> tuple[bytes, bytes]:
        """(payload, signature) as bytes; `Refused("signature_invalid")` when they are not base64."""
        try:
            return base64.b64decode(self.payload, validate=True), base64.b64decode(self.signature, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Refused("signature_invalid", "The signed message is not base64.") from error


def seal(payload: bytes, signature: bytes) -> Signed:
    return Signed(base64.b64encode(payload).decode(), base64.b64encode(signature).decode())


def decode_payload(payload: bytes) -> Permit | Renewal:
    """Decode after the signature was verified; `Refused("permit_invalid")` otherwise."""
    try:
        return msgspec.json.decode(payload, type=Permit | Renewal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("permit_invalid", f"The permit cannot be read: {error}.") from error


def login_bytes(robot: str, nonce: str) -> bytes:
    """What a robot signs to log in."""
    return f"reins-login-v1|{robot}|{nonce}".encode()


def dtls_bytes(session: str, robot_fingerprint: str, peer_fingerprint: str) -> bytes:
    """What a robot signs so that the page can check whom it is talking to."""
    return f"reins-dtls-v1|{session}|{robot_fingerprint}|{peer_fingerprint}".encode()
