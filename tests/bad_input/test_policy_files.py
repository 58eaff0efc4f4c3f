"""Policies that are not what they say: pickles, impossible headers, code in configurations, archives that lead elsewhere.

Each is refused with a code and a sentence, nothing is kept, and nothing of it is ever run.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from policies.learning.checkpoint import load_policy
from policies.learning.folder import CALIBRATION, CARD, CONFIG, WEIGHTS, check_weights
from policies.models import PolicyImport, PolicyVersion
from policies.services import imports, registry
from protocol.errors import Refused
from tests.episodes.rig import World, world
from tests.policies.rig import untrained

MIB = 1 << 20


@pytest.fixture
def here(db: None, settings: Any, tmp_path: Path) -> World:
    settings.REINS_POLICIES_DIR = tmp_path / "registry"
    settings.REINS_MEDIA_RESERVE_MB = 1
    return world()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return untrained(tmp_path / "starter")


def replaced(policy: Path, name: str, raw: bytes) -> None:
    """With a card that says the right hash: the file itself is what is wrong."""
    (policy / name).write_bytes(raw)
    card = json.loads((policy / CARD).read_text())
    if name in card["files"]:
        card["files"][name] = hashlib.sha256(raw).hexdigest()
        (policy / CARD).write_text(json.dumps(card))


def refused(here: World, policy: Path, code: str) -> str:
    """The sentence; by the registry and by what loads policies alike, with nothing left of it."""
    with pytest.raises(Refused) as brought:
        registry.bring(policy, here.site.organisation, here.mina)
    assert brought.value.code == code
    assert brought.value.sentence.endswith(".")
    assert not PolicyVersion.objects.exists()
    root = Path(registry.settings.REINS_POLICIES_DIR)
    assert not root.exists() or not list(root.iterdir())
    return str(brought.value.sentence)


def with_header(header: bytes, data: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def tensor(first: int, last: int, shape: list[int] | None = None, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape if shape is not None else [(last - first) // 4], "data_offsets": [first, last]}


def pickled(canary: Path, protocol: int = 4) -> bytes:
    """Opened, it would leave a file: written by hand, since nothing here may even know how to make one."""
    return bytes((0x80, protocol)) + f"cbuiltins\nopen\n(V{canary}\nVw\ntR.".encode()


def zipped(canary: Path) -> bytes:
    """As torch.save leaves it."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(canary))
    return raw.getvalue()


@pytest.mark.parametrize("made", [pickled, zipped, lambda canary: pickled(canary, 2)])
def test_a_pickle_under_another_name_is_refused_and_never_opened(
    here: World, policy: Path, tmp_path: Path, made: Callable[[Path], bytes]
) -> None:
    canary = tmp_path / "canary"
    replaced(policy, WEIGHTS, made(canary))
    assert "pickle" in refused(here, policy, "policy_pickle")
    with pytest.raises(Refused) as loaded:
        load_policy(policy)
    assert loaded.value.code == "policy_pickle"
    assert not canary.exists()


def test_a_calibration_that_is_a_pickle_is_refused_too(here: World, policy: Path, tmp_path: Path) -> None:
    replaced(policy, CALIBRATION, pickled(tmp_path / "canary"))
    refused(here, policy, "policy_pickle")
    assert not (tmp_path / "canary").exists()


def named(tensors: dict[str, Any]) -> bytes:
    return json.dumps(tensors).encode()


HEADERS: dict[str, tuple[bytes, bytes, str]] = {
    "overlap": (named({"a": tensor(0, 8), "b": tensor(4, 12)}), b"\0" * 12, "not where the one before ends"),
    "the same bytes twice": (named({"a": tensor(0, 8), "b": tensor(0, 8)}), b"\0" * 8, "not where the one before ends"),
    "a gap": (named({"a": tensor(0, 8), "b": tensor(12, 16)}), b"\0" * 16, "not where the one before ends"),
    "more than there is": (named({"a": tensor(0, 4000)}), b"\0" * 8, "the file has 8"),
    "less than there is": (named({"a": tensor(0, 8)}), b"\0" * 800, "the file has 800"),
    "a shape that overflows": (named({"a": tensor(0, 8, [1 << 33, 1 << 33])}), b"\0" * 8, "does not fit"),
    "a negative shape": (named({"a": tensor(0, 8, [-1, -2])}), b"\0" * 8, "does not fit"),
    "a shape of halves": (named({"a": tensor(0, 8, [0.5, 4])}), b"\0" * 8, "does not fit"),
    "backwards": (named({"a": tensor(8, 0, [2])}), b"\0" * 8, "does not fit"),
    "a type that is none": (named({"a": tensor(0, 8, dtype="OBJECT")}), b"\0" * 8, "described wrongly"),
    "no offsets": (named({"a": {"dtype": "F32", "shape": [2]}}), b"\0" * 8, "described wrongly"),
    "a hundred thousand tensors": (
        named({f"{i}": tensor(4 * i, 4 * i + 4) for i in range(50_000)}), b"\0" * 200_000, "50000 tensors",
    ),
    "the same name twice": (b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}', b"\0", "twice"),
    "no JSON": (b"{a}", b"", "no JSON"),
    "a list": (b"[1, 2]", b"", "no list of tensors"),
    "deep": (b"[" * 5000 + b"]" * 5000, b"", "no JSON"),
    "nothing": (b"{}", b"", "0 tensors"),
}  # fmt: skip


@pytest.mark.parametrize("which", HEADERS)
def test_a_header_that_cannot_be_is_refused_before_anything_is_loaded(here: World, policy: Path, which: str) -> None:
    header, data, word = HEADERS[which]
    replaced(policy, WEIGHTS, with_header(header, data))
    assert word in refused(here, policy, "policy_header")
    with pytest.raises(Refused) as loaded:
        load_policy(policy)
    assert loaded.value.code == "policy_header"


@pytest.mark.parametrize("length", [0, 1, 1 << 24, 1 << 40, (1 << 64) - 1])
def test_a_header_longer_than_the_file_or_than_any_is_not_read(here: World, policy: Path, length: int) -> None:
    replaced(policy, WEIGHTS, struct.pack("<Q", length) + b"{}" * 50)
    assert "bytes" in refused(here, policy, "policy_header")


def test_a_hundred_thousand_tensors_of_a_large_header_are_not_parsed(here: World, policy: Path) -> None:
    header = named({f"layer.{i}.weight": tensor(4 * i, 4 * i + 4) for i in range(100_000)})
    assert len(header) > 4 * MIB
    replaced(policy, WEIGHTS, with_header(header, b"\0" * 400_000))
    refused(here, policy, "policy_header")


def test_a_real_header_that_looks_like_a_pickle_is_taken(policy: Path, tmp_path: Path) -> None:
    """640 is 0x280, and 0x80 0x02 is how pickles begin."""
    plain = named({"a": tensor(0, 8)})
    path = tmp_path / "odd.safetensors"
    path.write_bytes(with_header(plain + b" " * (640 - len(plain)), b"\0" * 8))
    check_weights(path)
    assert load_file(path)["a"].shape == (2,)
    check_weights(policy / WEIGHTS)


@pytest.mark.parametrize(
    "asks", [{"auto_map": {"AutoModel": "modeling.Evil"}}, {"trust_remote_code": True}, {"custom_pipelines": {"x": {}}}]
)
def test_a_configuration_that_names_code_is_refused(here: World, policy: Path, asks: dict[str, Any]) -> None:
    config = json.loads((policy / CONFIG).read_text()) | asks
    replaced(policy, CONFIG, json.dumps(config).encode())
    assert "run code" in refused(here, policy, "policy_code")


def test_code_named_deep_inside_is_refused(here: World, policy: Path) -> None:
    config = json.loads((policy / CONFIG).read_text())
    config["bodies"][0]["auto_map"] = "evil.py"
    replaced(policy, CONFIG, json.dumps(config).encode())
    refused(here, policy, "policy_code")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b'{"width": 1e400}', b"[" * 100_000, b" " * (5 * MIB)])
@pytest.mark.parametrize("name", [CONFIG, CARD])
def test_a_configuration_or_card_that_cannot_be_read_is_refused(here: World, policy: Path, name: str, raw: bytes) -> None:
    replaced(policy, name, raw) if name == CONFIG else (policy / name).write_bytes(raw)
    refused(here, policy, "policy_kind" if (name, raw) == (CONFIG, b"[]") else "policy_damaged")


def test_a_card_that_names_files_elsewhere_is_refused(here: World, policy: Path) -> None:
    card = json.loads((policy / CARD).read_text())
    card["files"]["../../secret"] = "0" * 64
    (policy / CARD).write_text(json.dumps(card))
    refused(here, policy, "policy_damaged")


# -- archives --------------------------------------------------------------------------------------


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def archived(*entries: tarfile.TarInfo, mode: str = "w") -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode=mode) as tar:  # type: ignore[call-overload]
        for one in entries:
            tar.addfile(one, io.BytesIO(b"\0" * one.size))
    return raw.getvalue()


ARCHIVES: dict[str, bytes] = {
    "up and out": archived(entry("../../card.json", 3)),
    "up inside": archived(entry("policy/../card.json", 3)),
    "from the root": archived(entry("/etc/card.json", 3)),
    "a link": archived(entry("policy/card.json", kind=tarfile.SYMTYPE, link="/etc/passwd")),
    "a hard link": archived(entry("policy/card.json", kind=tarfile.LNKTYPE, link="/etc/passwd")),
    "a device": archived(entry("policy/card.json", kind=tarfile.CHRTYPE)),
    "a pipe": archived(entry("policy/card.json", kind=tarfile.FIFOTYPE)),
    "another file": archived(entry("policy/modeling.py", 3)),
    "a pickle by its name": archived(entry("policy/pytorch_model.bin", 3)),
    "deep": archived(entry("a/b/card.json", 3)),
    "the same twice": archived(entry("a/card.json", 3), entry("b/card.json", 3)),
    "very many": archived(*(entry(f"{i}/", kind=tarfile.DIRTYPE) for i in range(1000))),
    "packed small": archived(entry("policy/policy.safetensors", 30 * MIB), mode="w:gz"),
    "cut off": archived(entry("policy/policy.safetensors", MIB))[: MIB // 2],
    "no archive": b"\x89PNG" * 600,
}


@pytest.mark.parametrize("which", ARCHIVES)
def test_an_archive_that_is_no_policys_is_refused_and_leaves_nothing(here: World, tmp_path: Path, which: str) -> None:
    raw = ARCHIVES[which]
    coming = imports.begin(here.site.organisation, here.mina, "", len(raw))
    at = 0
    while at < len(raw):
        piece = raw[at : at + MIB]
        at = imports.keep_piece(coming, at, hashlib.sha256(piece).hexdigest(), piece)
    coming.refresh_from_db()

    with pytest.raises(Refused) as wrong:
        imports.complete(coming, here.mina)

    assert wrong.value.code in ("policy_archive", "policy_missing") and wrong.value.sentence.endswith(".")
    assert not PolicyVersion.objects.exists() and not PolicyImport.objects.exists()
    assert list((tmp_path / "registry" / "incoming").iterdir()) == []
    assert not (tmp_path / "card.json").exists()


def test_an_archive_larger_than_any_policy_or_than_the_disk_is_refused_before_it_comes(here: World, settings: Any) -> None:
    with pytest.raises(Refused) as large:
        imports.begin(here.site.organisation, here.mina, "", 1 << 50)
    assert large.value.code == "policy_size"
    settings.REINS_MEDIA_RESERVE_MB = 1 << 40
    with pytest.raises(Refused) as full:
        imports.begin(here.site.organisation, here.mina, "", 1000)
    assert full.value.code == "storage_full"
