"""Opens the files of a dataset that somebody else made: nothing leads out of its folder, nothing is larger than it should be."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from protocol.errors import Refused

MOST_JSON = 256 * 1024 * 1024
MOST_TABLE = 4 * 1024**3  # bytes of a parquet file once it is unpacked
MOST_BATCH = 256 * 1024**2
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}  # bytes of a value
_TOKEN = re.compile(r"\{(\w+)(?::0?(\d{0,2})d)?\}")


def folder(root: Path) -> Path:
    """`Refused("not_a_folder")` for an archive, a file or nothing: datasets are read from folders only."""
    if not root.is_dir():
        raise Refused("not_a_folder", f"{root.name} is no folder. Unpack an archive first; only folders are read.")
    return root


def inside(root: Path, relative: str) -> Path:
    """The path of an ordinary file in `root`.

    Refused: `path_outside` (absolute, `..`), `path_not_plain` (a link or a device on the way), `file_missing`.
    """
    parts = relative.split("/")
    if not relative or relative.startswith("/") or "\0" in relative or any(part in ("", ".", "..") for part in parts):
        raise Refused("path_outside", f"{relative!r:.120} leads out of the dataset. Nothing was read.", path=relative)
    path = root
    for part in parts:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            raise Refused("file_missing", f"{relative} is missing: {error.strerror}.", path=relative) from error
        if not (stat.S_ISREG(mode) if path == root / relative else stat.S_ISDIR(mode)):
            sentence = f"{relative} is a link, a device or no file. Replace it by the file itself."
            raise Refused("path_not_plain", sentence, path=relative)
    return path


def exists(root: Path, relative: str) -> bool:
    """Whether there is something of that name, be it a link."""
    return (root / relative).exists() or (root / relative).is_symlink()


def fill(pattern: Any, **known: int | str) -> str:
    """A path from LeRobot's format string, of which only `{name}` and `{name:03d}` are understood."""
    if not isinstance(pattern, str) or len(pattern) > 300:
        raise Refused("dataset_info", "meta/info.json: the patterns of paths cannot be used.")

    def token(match: re.Match[str]) -> str:
        name, digits = match.groups()
        if name not in known or (digits is not None and not isinstance(known[name], int)):
            raise Refused("dataset_info", f"meta/info.json: {match.group()!r:.40} in a path is not known.")
        return str(known[name]) if digits is None else f"{known[name]:0{digits or 1}d}"

    filled = _TOKEN.sub(token, pattern)
    if "{" in filled or "}" in filled:
        raise Refused("dataset_info", f"meta/info.json: the path {pattern!r:.80} cannot be used.")
    return filled


def read_json(root: Path, relative: str) -> Any:
    return parse(text(root, relative), relative)


def read_lines(root: Path, relative: str) -> list[Any]:
    return [parse(line, relative) for line in text(root, relative).splitlines() if line.strip()]


def text(root: Path, relative: str) -> bytes:
    path = inside(root, relative)
    if path.stat().st_size > MOST_JSON:
        raise Refused(
            "file_too_large", f"{relative} has {path.stat().st_size} bytes; at most {MOST_JSON} are read.", path=relative
        )
    return path.read_bytes()


def parse(raw: bytes, relative: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused("file_damaged", f"{relative} cannot be read: {error}.", path=relative) from error


def parquet(root: Path, relative: str) -> pq.ParquetFile:
    """Refused: `parquet_damaged` (no footer: the writer was killed), `file_too_large` (would fill the memory),
    `file_damaged` (two columns of one name).
    """
    try:
        file = pq.ParquetFile(inside(root, relative))
    except (pa.ArrowException, OSError) as error:
        why = str(error).split(". ")[0].rstrip(".")
        sentence = f"{relative} cannot be read ({why}). Whoever wrote it may have been interrupted: export the dataset again."
        raise Refused("parquet_damaged", sentence, path=relative) from error
    if len(set(file.schema_arrow.names)) != len(file.schema_arrow.names):
        raise Refused("file_damaged", f"{relative} has two columns of one name.", path=relative)
    about = file.metadata
    size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if size > MOST_TABLE:
        raise _too_large(relative, size)
    return file


def table(root: Path, relative: str, columns: list[str] | None = None) -> pa.Table:
    """Those columns that are there.

    Refused: as `parquet`; `file_too_large` also where a file tells less than its values take (equal ones are kept once in
    it, each has its place in memory), `file_damaged` for columns that repeat without end what they hold once.
    """
    file = parquet(root, relative)
    there = file.schema_arrow.names
    names = there if columns is None else [name for name in columns if name in there]
    if any(_shares(file.schema_arrow.field(name).type) for name in names):
        raise Refused("file_damaged", f"{relative} holds columns of shared values. Write them plainly.", path=relative)
    rows = _rows_at_once(file.metadata, names, relative)
    try:
        if rows is None:
            return file.read(columns=names)
        found, size = [], 0
        for batch in file.iter_batches(rows, columns=names):
            size += batch.nbytes
            if size > MOST_TABLE:
                raise _too_large(relative, size)
            found.append(batch)
        return pa.Table.from_batches(found) if found else file.read(columns=names)
    except (pa.ArrowException, OSError) as error:
        raise Refused("parquet_damaged", f"{relative} cannot be read: {error}.", path=relative) from error


def _rows_at_once(about: pq.FileMetaData, names: list[str], relative: str) -> int | None:
    """None for columns of numbers alone, whose size is known before; else so few rows that the largest text fits often."""
    size, longest = 0, 0
    for group in map(about.row_group, range(about.num_row_groups)):
        for number in range(about.num_columns):
            leaf, column = group.column(number), about.schema.column(number)
            if not any(leaf.path_in_schema == name or leaf.path_in_schema.startswith(f"{name}.") for name in names):
                continue
            if column.physical_type != "BYTE_ARRAY":
                width = _WIDTHS.get(column.physical_type) or column.length
                size += max(leaf.num_values, group.num_rows) * width
            elif column.max_repetition_level:
                raise Refused(
                    "file_damaged", f"{relative}: {column.path} holds lists of texts. Numbers belong there.", path=relative
                )
            else:
                longest = max(longest, leaf.total_uncompressed_size)
    if size > MOST_TABLE:
        raise _too_large(relative, size)
    return max(1, min(1024, MOST_BATCH // longest)) if longest else None


def _shares(kind: pa.DataType) -> bool:
    """Whether many rows may point at one text, so that the size of the column says nothing of theirs."""
    views = pa.types.is_string_view(kind) or pa.types.is_binary_view(kind) or pa.types.is_dictionary(kind)
    return views or any(_shares(kind.field(number).type) for number in range(kind.num_fields))


def _too_large(relative: str, size: int) -> Refused:
    return Refused("file_too_large", f"{relative} unpacks to {size} bytes; at most {MOST_TABLE} are read.", path=relative)
