"""What the checks on arrival find and what they cry about for nothing: `python bench/checks.py [--clean 300] [--each 40]`.

Clean episodes are made once and kept in `--data`: two thirds by the scripted experts as `manage.py collect_demos` does, one
third as people drive, with pauses, camera noise, uneven clocks and pictures that come late.  Each fault is then put into
`--each` of them, decoded and encoded again, at its least visible; `no_place` counts those in which it would not show.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import Pressure, report
from episodes.data.checks.finding import Finding
from episodes.data.checks.signature import Signature, duplicates
from episodes.data.examine import Examined, examine
from episodes.data.faults.registry import FAULTS, inject

PEOPLE = 1 / 3  # of the clean ones
_SIZE = (320, 240)
_TASK_SEEDS = 1000


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=int, default=300)
    parser.add_argument("--each", type=int, default=40, help="episodes that each fault is put into")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "reins-bench-checks")
    parser.add_argument("--only", choices=sorted(FAULTS), action="append", help="only these faults")
    options = parser.parse_args(argv)
    pressure = Pressure()
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        clean = made(options.data, options.clean, pool)
        rows, signatures = judged(clean, pool)
        for kind in options.only or FAULTS:
            rows.append(found(kind, spread(clean, options.each), signatures, options.data, pool))
            print(rows[-1], file=sys.stderr, flush=True)
    rows.append(speed(options.data))
    report("checks", rows, pressure)
    return 0


# -- clean episodes -----------------------------------------------------------------------------------------------------


def made(data: Path, count: int, pool: Any) -> list[Path]:
    """Folders of clean episodes, scripted ones and those of people, made where there are too few."""
    people = round(PEOPLE * count)
    orders = [("script", seed) for seed in range(count - people)] + [("person", seed) for seed in range(people)]
    missing = [(data, kind, seed) for kind, seed in orders if not (data / kind / str(seed)).exists()]
    for number, _ in enumerate(pool.imap_unordered(make, missing), 1):
        print(f"made {number} of {len(missing)}", file=sys.stderr, end="\r", flush=True)
    return [next((data / kind / str(seed)).iterdir()) for kind, seed in orders]


_makers: dict[tuple[str, str], Any] = {}


def make(order: tuple[Path, str, int]) -> None:
    """One episode into `data/KIND/SEED/`; a seed that does not suit the task is followed by another."""
    data, kind, seed = order
    tasks = _tasks()
    task = tasks[seed % len(tasks)]
    home = data / f"work-{os.getpid()}"
    for attempt in range(20):
        folder = _record(kind, task, home, seed + _TASK_SEEDS * attempt)
        if folder is not None:
            target = data / kind / str(seed)
            target.mkdir(parents=True, exist_ok=True)
            shutil.move(str(folder), target / folder.name)
            return
    raise RuntimeError(f"No seed suits the task {task}.")


def _tasks() -> list[str]:
    from robot.world.experts.registry import TASKS

    return sorted(TASKS)


def _record(kind: str, task: str, home: Path, seed: int) -> Path | None:
    from bench.people import People
    from robot.collect.collector import Collector
    from robot.collect.script import TableScript
    from robot.collect.size import resized
    from robot.world.embodiments import TABLETOP
    from robot.world.experts.registry import table_task

    small = resized(TABLETOP, *_SIZE)
    if (kind, task) not in _makers:
        script = TableScript(table_task(task))
        about = {"body": "simulated", "world": "tabletop", "task": task}
        _makers[kind, task] = (
            People(script, small, home) if kind == "person" else Collector(script, small, home, "c" * 32, about, time.time_ns)
        )
    maker = _makers[kind, task]
    if kind == "person":
        folder: Path | None = maker.record(seed)
        return folder
    result = maker.collect(seed)
    return home / "episodes" / result.episode if result.episode else None


# -- what is found ------------------------------------------------------------------------------------------------------


def looked(folder: Path) -> tuple[Path, Examined, float]:
    """What is found in one episode, and the CPU seconds that took."""
    began_s = time.process_time()
    with tempfile.TemporaryDirectory() as derived:
        examined = examine(folder, Path(derived) / "poster.jpg", Path(derived) / "columns.f32")
    return folder, examined, time.process_time() - began_s


def judged(clean: list[Path], pool: Any) -> tuple[list[dict[str, Any]], dict[Path, Signature]]:
    """The row of false alarms, and what the others are compared with."""
    alarms, spent_s, rows = 0, 0.0, 0
    signatures: dict[Path, Signature] = {}
    for folder, examined, took_s in pool.imap(looked, clean):
        assert examined.signature is not None
        before = [(str(known), signature) for known, signature in signatures.items()]
        said = [*examined.findings, *duplicates(examined.signature, before)]
        signatures[folder] = examined.signature
        alarms += bool(said)
        spent_s, rows = spent_s + took_s, rows + examined.signature.rows
        for finding in said:
            print(f"false alarm in {folder}: {finding.code}: {finding.sentence}", file=sys.stderr, flush=True)
    row = {
        "corruption": "clean",
        "episodes": len(clean),
        "false_alarm": round(alarms / len(clean), 4),
        "checks_per_s": round(len(clean) / spent_s, 2),
        "rows_per_s": round(rows / spent_s),
    }
    return [row], signatures


def spread(clean: list[Path], count: int) -> list[Path]:
    """So many of them, evenly: scripted and people's."""
    step = max(1, len(clean) // count)
    return clean[::step][:count]


def corrupted(order: tuple[Path, Path, str, int, Signature | None]) -> tuple[bool, bool, str]:
    """(made, found, what was said) of one fault in one episode."""
    source, data, kind, seed, known = order
    home = data / f"faulty-{os.getpid()}"
    home.mkdir(exist_ok=True)
    result = inject(source, home, kind, seed)
    if result is None:
        return False, False, ""
    folder, fault = result
    _, examined, _ = looked(folder)
    said = list(_said(examined, known))
    hits = [f for f in said if f.code in fault.codes and f.camera in ("", fault.camera)]
    hit = any(f.first <= fault.last and f.last >= fault.first for f in hits)
    shutil.rmtree(folder)
    return True, hit, f"{source} {fault}: {[(f.code, f.first, f.last) for f in said]}"


def _said(examined: Examined, known: Signature | None) -> Iterator[Finding]:
    yield from examined.findings
    if known is not None and examined.signature is not None:
        yield from duplicates(examined.signature, [("the first", known)])


def found(kind: str, sources: list[Path], signatures: dict[Path, Signature], data: Path, pool: Any) -> dict[str, Any]:
    again = "duplicate" in kind
    orders = [(source, data, kind, number, signatures[source] if again else None) for number, source in enumerate(sources)]
    results = list(pool.imap_unordered(corrupted, orders))
    done = [result for result in results if result[0]]
    for _, hit, said in done:
        if not hit:
            print(f"missed {kind} in {said}", file=sys.stderr, flush=True)
    recall = round(sum(hit for _, hit, _ in done) / max(1, len(done)), 4)
    return {"corruption": kind, "episodes": len(done), "recall": recall, "no_place": len(results) - len(done)}


def speed(data: Path) -> dict[str, Any]:
    """One pass over a video of 640x480, decoding included, one thread."""
    from episodes.data.checks.view import look
    from protocol.episode_folder import decode_meta

    folder = data / "large"
    if not folder.exists():
        from robot.collect.collector import Collector
        from robot.collect.script import TableScript
        from robot.world.embodiments import TABLETOP
        from robot.world.experts.registry import table_task

        maker = Collector(TableScript(table_task("lift")), TABLETOP, data / "large-work", "c" * 32, {}, time.time_ns)
        results = (maker.collect(seed) for seed in range(40))
        episode = next(result.episode for result in results if result.episode)
        maker.close()
        shutil.move(str(data / "large-work" / "episodes" / episode), folder)
    meta = decode_meta((folder / "episode.json").read_bytes())
    best = 0.0
    for _ in range(5):
        began_s = time.process_time()
        count = look(folder / "video" / "scene.mp4", 640, 480, meta.rows).count
        best = max(best, count / (time.process_time() - began_s))
    return {"corruption": "speed", "episodes": 1, "frames_per_s": round(best)}


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
