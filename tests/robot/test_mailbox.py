"""The mailbox: newest value, its age, whole values only, also across processes and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.errors import Refused
from robot.mailbox import Mailbox

# Writes values that are one number repeated, as fast as it can; a torn read would mix two numbers.
WRITER = """
import sys
from robot.mailbox import Mailbox
box, number = Mailbox.open(sys.argv[1]), 0
print("ready", flush=True)
while True:
    number += 1
    box.put(number.to_bytes(8, "little") * (1 + number % 500), float(number))
"""


def test_it_holds_the_newest_value_and_knows_its_age(tmp_path: Path) -> None:
    box = Mailbox.create(tmp_path / "box", 16)
    assert box.get() is None
    assert box.count() == 0
    assert box.age_s(5.0) == float("inf")
    box.put(b"one", 1.5)
    box.put(b"", 2.5)
    box.put(b"three", 3.5)
    assert box.get() == (b"three", 3.5)
    assert box.get() == (b"three", 3.5), "reading takes nothing away"
    assert box.age_s(5.0) == 1.5
    assert box.count() == 3


def test_another_opening_sees_the_same_and_goes_on(tmp_path: Path) -> None:
    Mailbox.create(tmp_path / "box", 16).put(b"one", 1.0)
    other = Mailbox.open(tmp_path / "box")
    assert other.get() == (b"one", 1.0)
    other.put(b"x" * 16, 2.0)
    other.close()
    assert Mailbox.open(tmp_path / "box").get() == (b"x" * 16, 2.0)


def test_what_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    box = Mailbox.create(tmp_path / "box", 4)
    box.put(b"four", 1.0)
    with pytest.raises(Refused, match="mailbox_too_big"):
        box.put(b"fives", 2.0)
    assert box.get() == (b"four", 1.0)


def test_a_missing_a_foreign_and_a_short_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no mailbox at all, but long enough to be one " * 10)
    (tmp_path / "short").write_bytes(b"mailbox ")
    for name in ("missing", "text", "short"):
        with pytest.raises(Refused, match="shared_file_unreadable"):
            Mailbox.open(tmp_path / name)


def test_creating_again_begins_anew(tmp_path: Path) -> None:
    old = Mailbox.create(tmp_path / "box", 16)
    old.put(b"old", 1.0)
    assert Mailbox.create(tmp_path / "box", 32).get() is None
    assert old.get() == (b"old", 1.0), "who has it open keeps what was there"
    assert list(tmp_path.iterdir()) == [tmp_path / "box"]


@pytest.mark.parametrize("at", range(64, 64 + 24 + 8))
def test_a_damaged_value_is_never_given_out(tmp_path: Path, at: int) -> None:
    box = Mailbox.create(tmp_path / "box", 8)
    box.put(b"12345678", 1.0)
    with open(tmp_path / "box", "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x10]))
    assert box.get() is None


def test_no_torn_value_is_read_while_another_process_writes_and_none_lost_when_it_is_killed(tmp_path: Path) -> None:
    box = Mailbox.create(tmp_path / "box", 8 * 500)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "box")], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    whole, last = 0, 0.0
    while whole < 20_000:
        found = box.get()
        if found is None:
            continue
        value, mono_s = found
        number = int.from_bytes(value[:8], "little")
        assert value == number.to_bytes(8, "little") * (1 + number % 500)
        assert mono_s == number
        assert mono_s >= last
        whole, last = whole + 1, mono_s
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    found = box.get()
    assert found is not None
    assert found[1] >= last
