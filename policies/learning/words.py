"""Instructions as numbers: words, and the pieces of words, so that `cubes` is near `cube` and no word is unknown.

The pieces are hashed as in Bojanowski et al., "Enriching Word Vectors with Subword Information" (TACL 2017).
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BUCKETS = 4096
WORDS = 24  # of an instruction; the rest is not read
PIECES = 12  # of a word
LONGEST = 2000  # characters of an instruction that are looked at
_WORD = re.compile(r"[^\W_]+")


def words(instruction: str) -> list[str]:
    return _WORD.findall(instruction[:LONGEST].lower())[:WORDS]


@lru_cache(4096)
def pieces(word: str) -> tuple[int, ...]:
    """Buckets 1.. of the word itself and of its runs of 3 and 4 letters, at most `PIECES`."""
    marked = f"<{word[:40]}>"
    runs = [marked[at : at + size] for size in (3, 4) for at in range(len(marked) - size + 1)]
    return tuple(1 + zlib.crc32(run.encode()) % (BUCKETS - 1) for run in [marked, *runs][:PIECES])


def tokens(instruction: str) -> NDArray[np.int64]:
    """int64[WORDS, PIECES]; 0 is nothing.  An empty instruction is one word that says nothing."""
    out = np.zeros((WORDS, PIECES), np.int64)
    for row, word in zip(out, words(instruction) or [""], strict=False):
        found = pieces(word)
        row[: len(found)] = found
    return out
