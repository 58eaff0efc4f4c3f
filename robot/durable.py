"""Small files that must survive a power cut: written whole or not at all, and on the disk when the call returns."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write_durably(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replaces `path`; readers see the old content or the new."""
    partial = path.with_name(path.name + ".new")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.fchmod(fd, mode)  # also when the umask, or a partial file left over, says otherwise
        if os.write(fd, content) != len(content):  # a nearly full disk takes a part and says nothing
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(partial))
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(partial, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Makes a file's bytes durable, or the names that were created, renamed or removed in a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
