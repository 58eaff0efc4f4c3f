"""What all benchmarks share: the table, the last line of JSON, the machine, CPU time of process trees."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest rank; `share` 0..1.  NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Iterable[float]) -> float:
    return percentile(values, 0.5)


def tree_cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds (user and system) that the processes and all their descendants used so far."""
    total = 0.0
    for pid in pids:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


class Pressure:
    """Share of the time in which some process waited for a CPU, from the start of this object on."""

    def __init__(self) -> None:
        self._began = (time.monotonic(), _waited_s(), _busy_s())

    def pct(self) -> float:
        began_s, waited_s, busy_s = self._began
        spent_s = max(1e-6, time.monotonic() - began_s)
        now_s = _waited_s()
        if waited_s is not None and now_s is not None:
            return 100 * (now_s - waited_s) / spent_s
        return 100 * (_busy_s() - busy_s) / spent_s / (os.cpu_count() or 1)


def machine(pressure: Pressure) -> dict[str, Any]:
    """`cpu_pressure_pct` is from /proc/pressure/cpu, or the share of busy CPUs where the kernel does not tell."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "cpu_pressure_pct": round(pressure.pct(), 1),
    }


def report(bench: str, rows: Sequence[Mapping[str, Any]], pressure: Pressure) -> None:
    """The table and, as the last line, the JSON object."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print(
            "  ".join(
                cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
        )
    about = machine(pressure)
    if about["cpu_pressure_pct"] >= 10:
        print(f"CPU pressure was {about['cpu_pressure_pct']} %: trust ratios, not absolute figures.")
    print(json.dumps({"bench": bench, "rows": list(rows), "machine": about}), flush=True)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _waited_s() -> float | None:
    try:
        line = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return None
    return int(line.rpartition("total=")[2]) / 1e6


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
