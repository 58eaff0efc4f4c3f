"""A file of fixed size mapped into memory and shared between the robot's processes.

It knows its kind and its parameters, not its use.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path

from protocol.errors import Refused

WORD = 8
HEADER_WORDS = 8
HEADER_BYTES = HEADER_WORDS * WORD  # kind, three parameters, four words for whoever uses the file


class SharedFile:
    """`words` (uint64) and `reals` (float64) see the same memory as `data` (bytes).

    Aligned 8-byte stores are single machine stores on every 64-bit CPU, which byte-wise packing would not be.
    Words 0 to 3 are the kind and its parameters; words 4 to 7 belong to the user.
    """

    def __init__(self, path: Path, kind: bytes) -> None:
        """Maps an existing file; `Refused("shared_file_unreadable")` when it is missing or of another kind."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise Refused("shared_file_unreadable", f"{path} cannot be opened: {error.strerror}.") from error
        try:
            size = os.fstat(fd).st_size
            if size < HEADER_BYTES or os.pread(fd, WORD, 0) != kind:
                raise Refused("shared_file_unreadable", f"{path} is not a {kind.decode().strip()} file.")
            self._map = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        self.data = memoryview(self._map)
        self.words = self.data.cast("Q")
        self.reals = self.data.cast("d")
        self.parameters: tuple[int, int, int] = (self.words[1], self.words[2], self.words[3])

    def close(self) -> None:
        self.words.release()
        self.reals.release()
        self.data.release()
        with contextlib.suppress(BufferError):  # an array handed out still looks at it: unmapped when that goes
            self._map.close()


def create_shared_file(path: Path, kind: bytes, parameters: tuple[int, int, int], body_bytes: int) -> None:
    """A new zeroed file of `kind` (8 bytes) in place of whatever `path` was; nobody sees it half made."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(partial, "wb") as file:
        file.write(kind + b"".join(p.to_bytes(WORD, "little") for p in parameters))
        file.truncate(HEADER_BYTES + padded(body_bytes))
    os.replace(partial, path)


def padded(size: int) -> int:
    """`size` in bytes rounded up to whole words."""
    return (size + WORD - 1) // WORD * WORD
