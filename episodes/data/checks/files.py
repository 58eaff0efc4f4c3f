"""Whether the files of an episode are what they say, before anything is believed; what can be read becomes a Recording.

The content is not trusted.  Nothing is decoded before its size is known, formats are forced, no address is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from episodes.data.checks.finding import Finding
from episodes.data.checks.recording import Recording, recording_of
from episodes.data.checks.view import View, look
from protocol.embodiment import Embodiment
from protocol.episode import EpisodeMeta, frames_schema
from protocol.episode_folder import FRAMES, META, decode_meta, embodiment_of, hash_file, video_path
from protocol.errors import Refused

MOST_ROWS = 2_000_000  # 18 hours at 30 Hz
MOST_TABLE_BYTES = 2 * 1024**3  # decompressed
PILOTS = ("operator", "policy", "primitive", "script", "hold")

Progress = Callable[[float], None]  # share done, 0 to 1


@dataclass
class Opened:
    """`recording` is there when columns and all pictures can be shown."""

    findings: list[Finding] = field(default_factory=list)
    recording: Recording | None = None
    table: Any = None

    def reject(self, code: str, sentence: str, camera: str = "", last: int = 0) -> None:
        self.findings.append(Finding(code=code, severity="reject", sentence=sentence, camera=camera, last=last))


def open_episode(folder: Path, progress: Progress = lambda _: None) -> Opened:
    """Everything that can be said of the files, and the decoded episode if there is enough of it."""
    opened = Opened()
    try:
        meta = decode_meta((folder / META).read_bytes())
        embodiment = embodiment_of(meta)
    except Refused as refused:
        opened.reject(refused.code, refused.sentence)
        return opened
    except OSError as error:
        opened.reject("episode_meta", f"{META} cannot be read: {error.strerror}.")
        return opened
    if not _files_are_those(folder, meta, opened):
        return opened
    table = _table(folder / FRAMES, meta, embodiment, opened)
    views = _views(folder, meta, embodiment, opened, progress)
    complete = table is not None and all(views.get(c) is not None and views[c].count == table.num_rows for c in meta.cameras)
    if table is not None and table.num_rows:
        opened.recording, opened.table = recording_of(table, meta, embodiment, views), table if complete else None
    return opened


def _files_are_those(folder: Path, meta: EpisodeMeta, opened: Opened) -> bool:
    for path, claimed in meta.files.items():
        try:
            same = hash_file(folder / path) == claimed
        except OSError as error:
            opened.reject("file_missing", f"{path} cannot be read: {error.strerror}.")
            continue
        if not same:
            opened.reject("hash_mismatch", f"{path} has other bytes than {META} says: it was damaged after it was recorded.")
    return not opened.findings


def _table(path: Path, meta: EpisodeMeta, embodiment: Embodiment, opened: Opened) -> Any:
    """The whole table (pyarrow), or None with the reason among the findings."""
    try:
        with pq.ParquetFile(path) as parquet:
            if not _fits(parquet, meta, embodiment, opened):
                return None
            table = parquet.read()
            table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        opened.reject("table_unreadable", f"{FRAMES} cannot be read: {str(error).splitlines()[0][:160]}.")
        return None
    holes = [name for name in table.column_names if table[name].null_count]
    if holes:
        opened.reject("schema_mismatch", f"{FRAMES} has empty cells in {holes[0]}.")
        return None
    if unknown := set(table["pilot"].to_pylist()) - set(PILOTS):
        opened.reject("schema_mismatch", f"{FRAMES} names a pilot that is not known: {sorted(unknown)[0]!r:.40}.")
        return None
    return table


def _fits(parquet: Any, meta: EpisodeMeta, embodiment: Embodiment, opened: Opened) -> bool:
    """Looks at the footer alone."""
    about = parquet.metadata
    size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    if about.num_rows > MOST_ROWS or size > MOST_TABLE_BYTES:
        opened.reject("too_large", f"{FRAMES} has {about.num_rows} rows of {size / 1e6:.0f} MB; at most {MOST_ROWS} are read.")
        return False
    expected = frames_schema(len(embodiment.state), len(embodiment.action), meta.cameras)
    found = parquet.schema_arrow.remove_metadata()
    if not found.equals(expected):
        opened.reject("schema_mismatch", f"{FRAMES} does not fit the embodiment: {_difference(found, expected)}.")
        return False
    if about.num_rows != meta.rows:
        last = max(0, about.num_rows - 1)
        opened.reject("count_mismatch", f"{FRAMES} has {about.num_rows} rows; {META} says {meta.rows}.", last=last)
    return bool(about.num_rows)


def _difference(found: pa.Schema, expected: pa.Schema) -> str:
    for column in expected:
        if column.name not in found.names:
            return f"column {column.name} is missing"
        if found.field(column.name).type != column.type:
            return f"column {column.name} is {found.field(column.name).type} where {column.type} is needed"
    more = [name for name in found.names if name not in expected.names]
    return f"column {more[0]} is not known" if more else "the columns are in another order"


def _views(folder: Path, meta: EpisodeMeta, embodiment: Embodiment, opened: Opened, progress: Progress) -> dict[str, View]:
    views: dict[str, View] = {}
    for number, camera in enumerate(embodiment.cameras):

        def tell(count: int, before: int = number) -> None:
            progress((before + min(1.0, count / meta.rows)) / len(embodiment.cameras))

        try:
            view = look(folder / video_path(camera.name), camera.width, camera.height, min(meta.rows, MOST_ROWS), tell)
        except Refused as refused:
            opened.reject(refused.code, refused.sentence, camera.name, meta.rows - 1)
            continue
        views[camera.name] = view
        if view.count != meta.rows:
            many = f"more than {meta.rows}" if view.count > meta.rows else str(view.count)
            sentence = f"video/{camera.name}.mp4 gives {many} pictures for {meta.rows} rows."
            opened.reject("frame_count", sentence, camera.name, meta.rows - 1)
    return views
