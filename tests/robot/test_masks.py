"""Privacy masks on the robot: signed by the server, kept over restarts, never replaced by older or foreign ones."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.errors import Refused
from protocol.masks import Region
from robot import masks
from tests.robot.masked import LEFT_HALF, SERVER_KEY, keep_masks, signed

OTHER = Ed25519PrivateKey.generate()


def test_masks_are_read_as_they_were_kept(tmp_path: Path) -> None:
    keep_masks(tmp_path, "r", 3, scene=(LEFT_HALF,))
    found = masks.read(tmp_path, SERVER_KEY, "r")
    assert (found.version, found.cameras[0].camera, found.cameras[0].regions) == (3, "scene", (LEFT_HALF,))


def test_nothing_is_known_before_the_servers_first_word(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="masks_unknown"):
        masks.read(tmp_path, SERVER_KEY, "r")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"payload":"","signature":""}'])
def test_a_damaged_file_is_not_guessed(tmp_path: Path, content: bytes) -> None:
    keep_masks(tmp_path, "r", 3, scene=(LEFT_HALF,))
    (tmp_path / "masks").write_bytes(content)
    with pytest.raises(Refused, match="masks_unreadable"):
        masks.read(tmp_path, SERVER_KEY, "r")
    keep_masks(tmp_path, "r", 2, scene=(LEFT_HALF,))  # whatever the server says next is taken
    assert masks.read(tmp_path, SERVER_KEY, "r").version == 2


def test_older_foreign_and_unsigned_masks_change_nothing(tmp_path: Path) -> None:
    keep_masks(tmp_path, "r", 3, scene=(LEFT_HALF,))
    for code, wrong in (
        ("masks_old", signed("r", 2)),
        ("signature_invalid", signed("r", 4, OTHER)),
        ("masks_wrong_robot", signed("another", 4)),
    ):
        with pytest.raises(Refused, match=code):
            masks.keep(tmp_path, wrong, SERVER_KEY, "r")
    assert masks.read(tmp_path, SERVER_KEY, "r").version == 3


def test_masks_of_a_server_it_was_enrolled_at_before_are_replaced(tmp_path: Path) -> None:
    keep_masks(tmp_path, "r", 9, scene=(LEFT_HALF,))
    key = base64.b64encode(OTHER.public_key().public_bytes_raw()).decode()
    with pytest.raises(Refused, match="masks_unreadable"):
        masks.read(tmp_path, key, "r")
    masks.keep(tmp_path, signed("r", 1, OTHER), key, "r")
    assert masks.read(tmp_path, key, "r").version == 1


def test_masks_that_cannot_be_kept_take_the_old_ones_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_masks(tmp_path, "r", 1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("robot.masks.write_durably", full)
    with pytest.raises(Refused, match="masks_not_kept"):
        masks.keep(tmp_path, signed("r", 2, scene=(LEFT_HALF,)), SERVER_KEY, "r")
    with pytest.raises(Refused, match="masks_unknown"):
        masks.read(tmp_path, SERVER_KEY, "r")


@pytest.mark.parametrize(
    "region",
    [
        ((0.0, 0.0), (1.0, 1.0)),
        ((0.0, 0.0), (1.0, 0.0), (1.0, 1.1)),
        ((0.0, 0.0), (1.0, 0.0), (1.0, -0.1)),
        tuple((0.5, i / 20) for i in range(17)),
    ],
)
def test_a_region_is_a_polygon_within_the_picture(tmp_path: Path, region: Region) -> None:
    with pytest.raises(Refused, match="masks_invalid"):
        keep_masks(tmp_path, "r", 1, scene=(region,))
