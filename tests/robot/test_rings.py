"""Rings of records and of pictures: order, what was missed, whole records only, also across processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from protocol.errors import Refused
from robot.frame_ring import FrameRing
from robot.rings import Ring

WRITER = """
import sys
from robot.rings import Ring
ring = Ring.open(sys.argv[1])
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    ring.push(number.to_bytes(8, "little") * (1 + number % 100))
"""
PAINTER = """
import sys
import numpy as np
from robot.frame_ring import FrameRing
ring = FrameRing.open(sys.argv[1])
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    ring.put(number, number / 2, number * 10, np.full(ring.frame_bytes, number % 251, np.uint8))
"""


def test_a_reader_gets_each_record_once_in_order(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", 8, 16)
    ring.push(b"before")
    reader = ring.reader()
    assert reader.read() == ([], 0)
    ring.push(b"one")
    ring.push(b"")
    assert reader.read() == ([b"one", b""], 0)
    assert reader.read() == ([], 0)
    assert ring.reader(oldest=True).read() == ([b"before", b"one", b""], 0)


def test_a_slow_reader_learns_how_many_it_missed(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", 4, 16)
    reader = ring.reader()
    for number in range(10):
        ring.push(b"%d" % number)
    assert reader.read() == ([b"7", b"8", b"9"], 7)
    assert reader.read() == ([], 0)
    assert ring.reader(oldest=True).read() == ([b"7", b"8", b"9"], 0)


def test_reading_in_portions_misses_nothing(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", 8, 16)
    reader = ring.reader()
    for number in range(5):
        ring.push(b"%d" % number)
    assert reader.read(2) == ([b"0", b"1"], 0)
    assert reader.read(2) == ([b"2", b"3"], 0)
    assert reader.read(2) == ([b"4"], 0)


def test_a_restarted_writer_goes_on_where_it_was(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", 8, 16)
    reader = ring.reader()
    ring.push(b"one")
    again = Ring.open(tmp_path / "ring")
    assert again.head == 1
    again.push(b"two")
    again.close()
    assert reader.read() == ([b"one", b"two"], 0)
    assert (ring.record(0), ring.record(1), ring.record(2)) == (b"one", b"two", None)


def test_a_record_too_big_is_refused_and_a_damaged_one_counts_as_missed(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "ring", 8, 4)
    with pytest.raises(Refused, match="ring_record_too_big"):
        ring.push(b"fives")
    reader = ring.reader()
    ring.push(b"four")
    ring.push(b"next")
    with open(tmp_path / "ring", "r+b") as file:
        file.seek(64 + 24)
        file.write(b"F")
    assert reader.read() == ([b"next"], 1)


def test_what_is_no_ring_is_refused(tmp_path: Path) -> None:
    Ring.create(tmp_path / "ring", 4, 16)
    with pytest.raises(Refused, match="shared_file_unreadable"):
        FrameRing.open(tmp_path / "ring")
    with pytest.raises(Refused, match="shared_file_unreadable"):
        Ring.open(tmp_path / "missing")


def test_across_processes_records_come_whole_and_every_one_is_accounted_for(tmp_path: Path) -> None:
    count = 20_000
    ring = Ring.create(tmp_path / "ring", 64, 800)
    reader = ring.reader()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "ring"), str(count)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    got = lost = 0
    last = -1
    while got + lost < count:
        records, missed = reader.read()
        lost += missed
        for record in records:
            number = int.from_bytes(record[:8], "little")
            assert record == number.to_bytes(8, "little") * (1 + number % 100)
            assert number > last
            got, last = got + 1, number
    assert writer.wait() == 0
    assert last == count - 1


def picture(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((72, 64), value, np.uint8)


def test_pictures_come_with_their_index_and_times(tmp_path: Path) -> None:
    ring = FrameRing.create(tmp_path / "frames", 64, 48)
    reader = ring.reader()
    assert ring.newest() is None
    ring.put(7, 1.5, 10**18, picture(3))
    ring.put(8, 1.6, 10**18 + 1, picture(4).tobytes())
    first, second = reader.read_new()
    assert (first.index, first.mono_s, first.time_ns) == (7, 1.5, 10**18)
    assert first.i420.shape == (72, 64)
    assert (first.i420 == 3).all()
    assert (second.i420 == 4).all()
    newest = ring.newest()
    assert newest is not None
    assert newest.index == 8
    assert reader.read_new() == []
    assert reader.missed == 0


def test_a_slow_reader_of_pictures_counts_what_it_missed(tmp_path: Path) -> None:
    ring = FrameRing.create(tmp_path / "frames", 64, 48, slots=4)
    reader = ring.reader()
    for index in range(10):
        ring.put(index, 0.0, 0, picture(index))
    assert [frame.index for frame in reader.read_new(2)] == [7, 8]
    assert reader.missed == 7
    assert [frame.index for frame in reader.read_new()] == [9]
    assert [frame.index for frame in ring.reader(oldest=True).read_new()] == [7, 8, 9]
    assert ring.frame(0) is None


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="frame_size_odd"):
        FrameRing.create(tmp_path / "frames", 63, 48)
    with pytest.raises(Refused, match="frame_size_odd"):
        FrameRing.create(tmp_path / "frames", 64, 47)
    ring = FrameRing.create(tmp_path / "frames", 64, 48)
    with pytest.raises(Refused, match="frame_size"):
        ring.put(0, 0.0, 0, bytes(64 * 48))
    assert ring.head == 0


def test_across_processes_no_picture_is_torn(tmp_path: Path) -> None:
    count = 3000
    ring = FrameRing.create(tmp_path / "frames", 64, 48, slots=4)
    reader = ring.reader()
    writer = subprocess.Popen([sys.executable, "-c", PAINTER, str(tmp_path / "frames"), str(count)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    got = 0
    while got + reader.missed < count:
        for frame in reader.read_new():
            assert (frame.i420 == frame.index % 251).all()
            assert frame.mono_s == frame.index / 2
            assert frame.time_ns == frame.index * 10
            got += 1
    assert writer.wait() == 0
    assert got > 0
    newest = ring.newest()
    assert newest is not None
    assert newest.index == count - 1
    ring.close()
