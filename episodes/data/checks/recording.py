"""An episode as the checks see it: decoded columns, and of each camera's pictures what `view` kept.  No files, no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.view import View
from protocol.embodiment import Embodiment
from protocol.episode import EpisodeMeta

Span = tuple[int, int]  # first and last row, both included


@dataclass(frozen=True)
class Recording:
    """N rows.  Times in seconds or UTC nanoseconds, vectors float64 in Embodiment order and units.

    A view may have fewer pictures than there are rows; whoever looks at it must mind that.
    """

    meta: EpisodeMeta
    embodiment: Embodiment
    index: NDArray[np.int64]  # [N]
    mono_s: NDArray[np.float64]  # [N]
    time_ns: NDArray[np.int64]  # [N]
    state: NDArray[np.float64]  # [N, S]
    asked: NDArray[np.float64]  # [N, A]
    done: NDArray[np.float64]  # [N, A]
    latency_ms: NDArray[np.float64]  # [N], NaN where there is none
    pilots: tuple[str, ...]  # [N]
    capture_ns: Mapping[str, NDArray[np.int64]]  # camera -> [N]
    repeated: Mapping[str, NDArray[np.bool_]]  # camera -> [N]
    views: Mapping[str, View]  # camera -> its pictures, those that could be decoded

    @property
    def rows(self) -> int:
        return len(self.index)

    @property
    def period_s(self) -> float:
        return 1.0 / self.meta.record_hz

    def rows_in(self, seconds: float) -> int:
        """Rows in so many seconds, at least one."""
        return max(1, round(seconds * self.meta.record_hz))

    def second(self, row: int) -> float:
        """When a row is, in seconds from the first, by the nominal rate: times may be what is wrong."""
        return row * self.period_s

    def spoken(self, span: Span) -> str:
        """ "at 3.20 s" or "from 3.20 s to 4.10 s"."""
        first, last = self.second(span[0]), self.second(span[1])
        return f"at {first:.2f} s" if span[0] == span[1] else f"from {first:.2f} s to {last:.2f} s"


def recording_of(table: Any, meta: EpisodeMeta, embodiment: Embodiment, views: Mapping[str, View]) -> Recording:
    """`table`: the whole of `frames.parquet` (pyarrow), of the schema that this embodiment needs."""
    return Recording(
        meta=meta,
        embodiment=embodiment,
        index=_numbers(table["index"], np.int64),
        mono_s=_numbers(table["mono_s"], np.float64),
        time_ns=_numbers(table["time_ns"], np.int64),
        state=vectors(table["state"], len(embodiment.state)),
        asked=vectors(table["action"], len(embodiment.action)),
        done=vectors(table["action_done"], len(embodiment.action)),
        latency_ms=_numbers(table["latency_ms"], np.float64),
        pilots=tuple(str(pilot) for pilot in table["pilot"].to_pylist()),
        capture_ns={camera: _numbers(table[f"capture_ns.{camera}"], np.int64) for camera in meta.cameras},
        repeated={camera: _numbers(table[f"repeated.{camera}"], np.bool_) for camera in meta.cameras},
        views=views,
    )


def vectors(column: Any, width: int) -> NDArray[np.float64]:
    """float64[N, width] of a column of fixed-size lists."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float64).reshape(len(column), width)


def _numbers(column: Any, kind: type) -> NDArray[Any]:
    return np.asarray(column.to_numpy(zero_copy_only=False), kind)


def runs(mask: NDArray[np.bool_]) -> list[Span]:
    """Every unbroken stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def joined(spans: list[Span], gap: int) -> list[Span]:
    """Spans with at most `gap` rows between them as one."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first - found[-1][1] - 1 <= gap:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
