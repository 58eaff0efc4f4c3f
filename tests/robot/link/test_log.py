"""The transition log: numbers for ever, what a killed process leaves, what the server confirms."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from protocol.robot_link import LogEntry
from robot.link.log import BATCH_BYTES, TransitionLog


def everything(log: TransitionLog) -> list[LogEntry]:
    found: list[LogEntry] = []
    while batch := log.batch(log.sync()):
        found += batch
        log.confirmed(batch[-1].n)
    return found


def test_numbers_rise_by_one_also_across_restarts(tmp_path: Path) -> None:
    for _ in range(3):
        log = TransitionLog(tmp_path)
        log.append(1, "a")
        log.append(2, "b")
        log.close()
    assert [e.n for e in everything(TransitionLog(tmp_path))] == [1, 2, 3, 4, 5, 6]


def test_confirmed_entries_are_not_sent_again_and_old_pieces_go(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path, piece_bytes=500)
    for i in range(50):
        log.append(i, "event")
    assert len(list(tmp_path.iterdir())) > 5
    log.confirmed(49)
    assert [e.n for e in log.batch(log.sync())] == [50]
    assert len(list(tmp_path.iterdir())) <= 2
    log.close()
    again = TransitionLog(tmp_path)
    assert again.next_n == 51
    again.confirmed(50)
    assert again.waiting == 0


def test_numbers_go_on_when_everything_was_confirmed_and_dropped(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path, piece_bytes=1)
    log.append(1, "a", kernel_n=9, epoch=4)
    log.append(2, "b")
    log.confirmed(2)
    log.close()
    again = TransitionLog(tmp_path)
    again.confirmed(2)
    assert (again.append(3, "c").n, again.last_event) == (3, (4, 9))


def test_what_is_not_on_the_disk_yet_is_not_given_to_the_server(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path)
    log.append(1, "a")
    through = log.sync()
    log.append(2, "b")
    assert [e.event for e in log.batch(through)] == ["a"]


def test_a_torn_last_line_is_dropped_and_its_number_used_again(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path)
    log.append(1, "whole")
    log.append(2, "torn")
    log.close()
    piece = max(tmp_path.iterdir())
    piece.write_bytes(piece.read_bytes()[:-7])
    again = TransitionLog(tmp_path)
    again.append(3, "next")
    assert [(e.n, e.event) for e in everything(again)] == [(1, "whole"), (2, "next")]


def test_a_piece_killed_at_its_birth_is_no_damage(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path)
    log.append(1, "a")
    log.close()
    (tmp_path / f"{2:012d}.jsonl").write_bytes(b"0000")
    again = TransitionLog(tmp_path)
    assert (again.damaged, again.append(2, "b").n) == (0, 2)
    again.close()
    assert [e.event for e in everything(TransitionLog(tmp_path))] == ["a", "b"]


def test_a_flipped_byte_keeps_its_number_and_says_so(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path)
    for event in ("first", "second", "third"):
        log.append(1, event)
    log.close()
    piece = max(tmp_path.iterdir())
    piece.write_bytes(piece.read_bytes().replace(b"second", b"sEcond"))
    again = TransitionLog(tmp_path)
    assert again.damaged == 1
    assert [(e.n, e.event) for e in everything(again)] == [(1, "first"), (2, "log_damaged"), (3, "third")]


def test_a_server_that_knows_more_is_believed_so_no_number_is_used_twice(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path)
    log.append(1, "a")
    log.confirmed(10)
    assert log.append(2, "b").n == 11
    log.close()
    again = TransitionLog(tmp_path)
    assert again.next_n == 12


def test_kernel_events_are_remembered_so_that_none_is_logged_twice(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path)
    log.append(1, "boot", kernel_n=1, epoch=7)
    log.append(2, "grant", kernel_n=2, epoch=7, detail={"who": "ada"})
    log.append(3, "record_started")
    log.close()
    again = TransitionLog(tmp_path)
    assert again.last_event == (7, 2)
    assert again.batch(3)[1].detail == {"who": "ada", "event_n": 2}


def test_a_batch_fits_in_a_message_and_an_endless_detail_is_cut(tmp_path: Path) -> None:
    log = TransitionLog(tmp_path)
    log.append(1, "big", detail={"text": "x" * 200_000}, kernel_n=1, epoch=1)
    for _ in range(20):
        log.append(1, "large", detail={"text": "x" * 9_000})
    first = log.batch(log.sync())
    assert first[0].detail == {"event_n": 1, "too_long": True}
    assert 1 < len(first) < 21
    assert sum(len(str(e.detail)) for e in first) < BATCH_BYTES
    assert len(everything(log)) == 21


WRITER = """
import sys
from pathlib import Path
from robot.link.log import TransitionLog
log = TransitionLog(Path(sys.argv[1]), piece_bytes=2000)
while True:
    print(log.append(1, "event", reason="x" * 50).n, flush=True)
"""


def test_what_was_appended_survives_kill_9(tmp_path: Path) -> None:
    known = 0
    for _ in range(5):
        process = subprocess.Popen((sys.executable, "-c", WRITER, str(tmp_path)), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(40):
            line = process.stdout.readline()
        known = int(line)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        log = TransitionLog(tmp_path)
        assert log.next_n > known
        assert log.damaged == 0
        log.close()
    numbers = [e.n for e in everything(TransitionLog(tmp_path))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= known


def test_a_full_disk_ends_nothing_and_is_said(tmp_path: Path) -> None:
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)), check=True)
    try:
        log = TransitionLog(tmp_path / "log")
        (tmp_path / "filler").write_bytes(b"x" * 40_000)
        entries = [log.append(1, "event", reason="x" * 1000) for _ in range(60)]
        assert "No space left" in log.trouble
        assert everything(log) == entries
        (tmp_path / "filler").unlink()
        log.append(1, "after")
        assert log.trouble == ""
        log.close()
        again = TransitionLog(tmp_path / "log")
        assert everything(again)[-1].event == "after"
        again.close()
    finally:
        subprocess.run(("umount", "-l", str(tmp_path)), check=True)
