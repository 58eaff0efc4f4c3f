"""A server's key and the privacy masks it signs, for robots of tests and benchmarks.  Not a test."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.masks import CameraMask, MaskSet, Region
from protocol.permit import Signed, seal
from robot import masks

SERVER = Ed25519PrivateKey.generate()
SERVER_KEY = base64.b64encode(SERVER.public_key().public_bytes_raw()).decode()
LEFT_HALF: Region = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def signed(robot: str, version: int = 1, key: Ed25519PrivateKey = SERVER, **cameras: tuple[Region, ...]) -> Signed:
    """Masks by camera."""
    wanted = tuple(CameraMask(camera, regions) for camera, regions in cameras.items())
    payload = msgspec.json.encode(MaskSet(robot=robot, version=version, cameras=wanted))
    return seal(payload, key.sign(payload))


def keep_masks(folder: Path, robot: str, version: int = 0, **cameras: tuple[Region, ...]) -> str:
    """As if the server had sent them; its public key."""
    masks.keep(folder, signed(robot, version, **cameras), SERVER_KEY, robot)
    return SERVER_KEY
