"""Files of episodes to browsers: HTTP ranges, read in small pieces in threads, never a whole file in memory."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import http_date

MOST = 2 * 1024 * 1024  # bytes that one answer to a range carries; a browser asks on
_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes first..last of a file, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class Source(Protocol):
    """A file that is not on this disk.  `piece`: bytes that are best asked for at once."""

    @property
    def piece(self) -> int: ...

    def look(self) -> tuple[int, float]:
        """Size in bytes and when it was changed; FileNotFoundError."""

    def read(self, at: int, count: int) -> bytes: ...


async def serve(request: HttpRequest, path: Path | Source, kind: str, tag: str, whole_ranges: bool = False) -> HttpResponseBase:
    """200, 206, 304 or 416 for one file whose content `tag` names for ever.

    A range is answered with at most `MOST` bytes of it, as RFC 9110 section 15.3.7 allows; several with the whole.
    With `whole_ranges` the span asked for is sent to its end, as one expects who goes on with a broken download.
    """
    try:
        size, modified_s = await asyncio.to_thread(_look, path)
    except FileNotFoundError:
        return HttpResponse(status=404)
    etag = f'"{tag}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Last-Modified": http_date(modified_s),
        "Cache-Control": "private, max-age=3600",
        "X-Content-Type-Options": "nosniff",
    }
    if etag in [part.strip() for part in request.headers.get("If-None-Match", "").split(",")]:
        return HttpResponse(status=304, headers=headers)
    span = _asked(request, size, etag, size if whole_ranges else MOST)
    if span is None:
        whole = Span(0, size - 1)
        headers["Content-Length"] = str(size)
        return StreamingHttpResponse(_pieces(path, whole), content_type=kind, headers=headers)
    if span.length <= 0:
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    headers["Content-Length"] = str(span.length)
    return StreamingHttpResponse(_pieces(path, span), status=206, content_type=kind, headers=headers)


def _asked(request: HttpRequest, size: int, etag: str, most: int) -> Span | None:
    """The span to send; None for the whole file; an empty one when the file has no such bytes."""
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if asked is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first and not last:
        return None
    if not first:  # the last N bytes
        start = max(0, size - int(last))
        return Span(start, min(size - 1, start + most - 1)) if int(last) else Span(0, -1)
    start = int(first)
    end = min(size - 1, int(last) if last else size - 1)
    if start >= size:
        return Span(0, -1)
    return None if end < start else Span(start, min(end, start + most - 1))


async def _pieces(path: Path | Source, span: Span) -> AsyncIterator[bytes]:
    if not isinstance(path, Path):
        for at in range(span.first, span.last + 1, path.piece):
            yield await asyncio.to_thread(path.read, at, min(path.piece, span.last + 1 - at))
        return
    fd = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        at = span.first
        while at <= span.last:
            piece = await asyncio.to_thread(os.pread, fd, min(_PIECE, span.last + 1 - at), at)
            if not piece:
                return
            at += len(piece)
            yield piece
    finally:
        os.close(fd)


def _look(path: Path | Source) -> tuple[int, float]:
    if not isinstance(path, Path):
        return path.look()
    status = path.stat()
    return status.st_size, status.st_mtime
