"""A run's trace is whole lines in order, whatever cut it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dispatch import clips, traces
from protocol.runs import RunReport


def report(n: int, sentence: str = "") -> RunReport:
    return RunReport(run="a" * 32, fence=1, n=n, time_ns=5, phase="moving", sentence=sentence)


def test_lines_come_back_in_order_and_without_what_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "trace.jsonl"
    for n in range(3):
        assert traces.append(path, traces.line(report(n), heard_ns=7))
    raw, after = traces.piece(path, 0)
    lines = [json.loads(one) for one in raw.splitlines()]
    assert [one["n"] for one in lines] == [0, 1, 2]
    assert lines[0]["heard_ns"] == 7 and "sentence" not in lines[0] and "type" not in lines[0]
    assert traces.piece(path, after) == (b"", after)
    assert (traces.last(path) or {})["n"] == 2


def test_a_long_trace_is_handed_out_in_pieces_of_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "PIECE", 300)
    path = tmp_path / "trace.jsonl"
    for n in range(20):
        traces.append(path, traces.line(report(n, "x" * (500 if n == 7 else 1))))
    at, seen = 0, []
    while True:
        raw, following = traces.piece(path, at)
        if not raw:
            break
        assert raw.endswith(b"\n")
        seen += [json.loads(one)["n"] for one in raw.splitlines()]
        at = following
    assert seen == list(range(20))


def test_a_line_that_a_crash_cut_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    traces.append(path, traces.line(report(0)))
    with open(path, "ab") as file:
        file.write(b'{"heard_ns": 1, "n"')
    assert (traces.last(path) or {})["n"] == 0
    traces.append(path, traces.line(report(1)))
    assert (traces.last(path) or {})["n"] == 1
    assert traces.last(tmp_path / "none.jsonl") is None


def test_a_full_trace_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST", 200)
    path = tmp_path / "trace.jsonl"
    assert traces.append(path, traces.line(report(0)))
    assert not traces.append(path, traces.line(report(1)))


def test_a_clip_is_a_header_and_its_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a" / "one.clip"
    assert clips.write(path, [(5, {"wrist": b"ww", "scene": b"sss"}), (6, {"scene": b"s"})]) == 3
    raw = path.read_bytes()
    length = int.from_bytes(raw[:4], "little")
    header, body = json.loads(raw[4 : 4 + length]), raw[4 + length :]
    found = [(one["t_ns"], one["camera"], body[one["first"] : one["first"] + one["bytes"]]) for one in header]
    assert found == [(5, "scene", b"sss"), (5, "wrist", b"ww"), (6, "scene", b"s")]
