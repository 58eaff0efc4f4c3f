"""Takes an episode folder that lies on this machine in the way a robot would bring it: pieces, checksums, confirmation."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from episodes.models import Episode, Upload
from episodes.services import uploads
from fleet.models import Robot
from protocol.episode_folder import META, decode_meta, hash_file


def bring(folder: Path, robot: Robot, wake: bool = True) -> Episode:
    """The episode of `folder`, which is gone afterwards.  Refuses what `uploads` refuses; then the folder stays.

    Begun before and broken off, it goes on where it was; brought before, it is only confirmed.
    """
    files = {META: hash_file(folder / META), **decode_meta((folder / META).read_bytes()).files}
    upload = uploads.start_upload(robot, folder.name, files)
    if upload.state == "receiving":
        for path, offset in upload.offsets().items():
            _bring_file(upload, folder, path, offset, files[path].bytes)
    uploads.complete(upload, wake)
    shutil.rmtree(folder)
    return Episode.objects.get(pk=folder.name)


def _bring_file(upload: Upload, folder: Path, path: str, offset: int, size: int) -> None:
    with open(folder / path, "rb") as file:
        file.seek(offset)
        while offset < size:
            piece = file.read(uploads.MAX_PIECE)
            offset = uploads.keep_piece(upload, path, offset, hashlib.sha256(piece).hexdigest(), piece)
