"""The append log: what a kill, a power cut or a flipped bit leaves readable."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from protocol.errors import Refused
from robot.recorder.log import MAGIC, EpisodeLog, LogReader


def written(path: Path, payloads: list[bytes]) -> list[int]:
    """The file's size after each record."""
    log = EpisodeLog(path, sync_s=0)
    sizes = []
    for payload in payloads:
        log.append(2, payload)
        sizes.append(os.path.getsize(path))
    log.close()
    return sizes


def read(path: Path) -> tuple[list[bytes], LogReader]:
    reader = LogReader(path)
    return [record.payload for record in reader], reader


def test_each_record_is_in_the_file_as_soon_as_append_returns(tmp_path: Path) -> None:
    sizes = written(tmp_path / "a.log", [b"x" * 100, b"", b"y" * 5000])
    assert sizes == [8 + 117, 8 + 117 + 17, 8 + 117 + 17 + 5017]
    payloads, reader = read(tmp_path / "a.log")
    assert payloads == [b"x" * 100, b"", b"y" * 5000]
    assert reader.damage is None


def test_a_log_torn_at_any_byte_keeps_every_record_before_the_tear(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    sizes = written(path, [bytes([i]) * (i * 7) for i in range(12)])
    whole = path.read_bytes()
    for length in range(len(MAGIC), len(whole)):
        (tmp_path / "torn.log").write_bytes(whole[:length])
        payloads, reader = read(tmp_path / "torn.log")
        expected = sum(size <= length for size in sizes)
        assert len(payloads) == expected
        at_edge = length in (len(MAGIC), *sizes)
        assert (reader.damage is None) == at_edge
        if reader.damage is not None:
            assert reader.damage.torn
            assert reader.damage.record == expected


def test_a_tail_of_zeros_after_a_power_cut_is_a_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    written(path, [b"one", b"two"])
    path.write_bytes(path.read_bytes() + bytes(4096))
    payloads, reader = read(path)
    assert payloads == [b"one", b"two"]
    assert reader.damage is not None
    assert reader.damage.torn


def test_a_flipped_byte_is_named_and_nothing_after_it_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    sizes = written(path, [random.Random(i).randbytes(200) for i in range(10)])
    whole = path.read_bytes()
    for at in range(sizes[3], sizes[4]):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        path.write_bytes(changed)
        payloads, reader = read(path)
        assert len(payloads) == 4
        assert reader.damage is not None
        assert not reader.damage.torn
        assert reader.damage.record == 4
        assert reader.damage.offset == sizes[3]
        assert f"byte {sizes[3]}" in reader.damage.sentence


def test_a_record_that_was_moved_is_not_taken_for_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    sizes = written(path, [b"a" * 50, b"b" * 50, b"c" * 50])
    whole = path.read_bytes()
    path.write_bytes(whole[: sizes[0]] + whole[sizes[1] : sizes[2]] + whole[sizes[0] : sizes[1]])
    payloads, reader = read(path)
    assert payloads == [b"a" * 50]
    assert reader.damage is not None
    assert not reader.damage.torn


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"something else")
    with pytest.raises(Refused, match="log_unreadable"):
        read(tmp_path / "a.log")


def test_an_existing_log_is_never_overwritten(tmp_path: Path) -> None:
    written(tmp_path / "a.log", [b"one"])
    with pytest.raises(Refused, match="disk"):
        EpisodeLog(tmp_path / "a.log")


def test_the_thread_syncs_while_records_are_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), real(fd))[1])
    log = EpisodeLog(tmp_path / "a.log", sync_s=0.001)
    while len(synced) < 3:
        log.append(2, b"x")
    log.close()
    assert read(tmp_path / "a.log")[1].damage is None
