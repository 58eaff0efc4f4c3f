"""The columns of a dataset's rows that are taken: of the right kind and width, with no hole, judged before anything is made."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from episodes.data.lerobot import layout, safe_files
from episodes.data.lerobot.dataset import DatasetRead, FeatureRead
from episodes.data.lerobot.infer import state_key
from protocol.errors import Refused

WHOLE = ("episode_index", "task_index")  # columns of whole numbers
SUCCESS = "next.success"


def taken(dataset: DatasetRead) -> list[str]:
    """The vectors that this side has a place for, beside the columns that every dataset has."""
    wanted = {state_key(dataset), layout.ACTION, layout.INTERVENTION, SUCCESS}
    vectors = [key for key, feature in dataset.features.items() if feature.is_vector and key not in layout.INDEX_COLUMNS]
    return [key for key in vectors if key in wanted or key.startswith("reins.")]


def vector(table: pa.Table, key: str, width: int) -> NDArray[np.float32]:
    """float32[rows, width], whether the column is of lists of one length, of lists, or of single numbers.

    `Refused("action_shape")`, for other columns `feature_shape`, when a row has another width.
    """
    column = table[key].combine_chunks()
    if _is_list(column.type):
        lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        if not np.all(lengths == width):
            raise _other_width(key, f"{key} has rows that are not {width} numbers, as meta/info.json says they are.")
        return np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(-1, width)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float32).reshape(-1, 1)


def check_kinds(dataset: DatasetRead, path: str) -> None:
    """By what the file at `path` says of itself, before a row of it is read.

    Refused: `file_damaged` for a column that is missing or not of numbers, `action_shape`, `feature_shape`.
    """
    schema = safe_files.parquet(dataset.root, path).schema_arrow
    for key, feature in dataset.features.items():
        if (feature.is_vector or feature.dtype == "image") and key not in schema.names:
            raise Refused("file_damaged", f"{path} has no column {key!r:.100}.", path=path)
    for key in taken(dataset):
        _check_vector(path, dataset.features[key], schema.field(key).type)
    for key in ("timestamp", *WHOLE):
        if key not in schema.names:
            if key != "task_index":
                raise Refused("file_damaged", f"{path} lacks episode_index or timestamp.", path=path)
            continue
        kind = schema.field(key).type
        if not (pa.types.is_integer(kind) or (key not in WHOLE and pa.types.is_floating(kind))):
            raise Refused("file_damaged", f"{path}: {key} is {kind!s:.60}, where each row has one number.", path=path)


def check_rows(dataset: DatasetRead, path: str) -> pa.Table:
    """The rows at `path` without pictures, after `check_kinds`: every vector as wide as promised, every index there.

    Refused: `action_shape`, `feature_shape`, and `file_damaged` for an empty place where a number must be.
    """
    table = safe_files.table(dataset.root, path, ["timestamp", *WHOLE, *taken(dataset)])
    for key in taken(dataset):
        column = table[key]
        inner = pc.list_flatten(column) if _is_list(column.type) else column
        if not pa.types.is_floating(inner.type):  # there an empty place stands for what is no number
            _no_holes(path, key, inner)
        vector(table, key, 1 if key in (layout.INTERVENTION, SUCCESS) else dataset.features[key].shape[0])
    for key in WHOLE:
        if key in table.column_names:
            _no_holes(path, key, table[key])
    return table


def _check_vector(path: str, feature: FeatureRead, kind: pa.DataType) -> None:
    width = getattr(kind, "list_size", None if _is_list(kind) else 1)
    number = kind.value_type if _is_list(kind) else kind
    if not (pa.types.is_integer(number) or pa.types.is_floating(number) or pa.types.is_boolean(number)):
        raise Refused("file_damaged", f"{path}: {feature.key} holds {kind!s:.60} and no numbers.", path=path)
    if width not in (None, feature.shape[0]):
        sentence = f"{path}: {feature.key} has {width} numbers a row; meta/info.json says {feature.shape[0]}."
        raise _other_width(feature.key, sentence, path)
    plain = _is_list(kind) == (feature.shape[0] > 1) and np.dtype(number.to_pandas_dtype()).name == feature.dtype
    if feature.key.startswith("reins.") and not plain:
        raise Refused("file_damaged", f"{path}: {feature.key} is {kind!s:.60}, not {feature.dtype} as it was written.", path=path)


def _no_holes(path: str, key: str, column: pa.ChunkedArray) -> None:
    if column.null_count:
        raise Refused("file_damaged", f"{path}: {key} is empty in {column.null_count} places.", path=path)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _other_width(key: str, sentence: str, path: str = "") -> Refused:
    return Refused("action_shape" if key == layout.ACTION else "feature_shape", sentence, path=path)
