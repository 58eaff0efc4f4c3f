"""A good dataset to spoil, and how it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from episodes.data.lerobot.dataset import DatasetRead
from episodes.data.lerobot.reader import check_all, open_dataset
from protocol.errors import Refused
from tests.episodes import lerobot_foreign as foreign

VIDEO = f"videos/{foreign.KEY}/chunk-000/file-000.mp4"
DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


def judged(root: Path) -> DatasetRead:
    dataset = open_dataset(root)
    check_all(dataset)
    return dataset


def refused(root: Path, code: str) -> Refused:
    """With a sentence that ends and says more than the code."""
    with pytest.raises(Refused) as caught:
        judged(root)
    assert caught.value.code == code, caught.value.sentence
    assert caught.value.sentence.endswith(".")
    return caught.value


def changed(root: Path, path: str, change: Any) -> None:
    """The parquet file at `path` with `change(rows)` in place of its rows."""
    rows = pq.read_table(root / path).to_pylist()
    pq.write_table(pa.Table.from_pylist(change(rows)), root / path)
