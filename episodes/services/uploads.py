"""What robots ask of episodes: bring one, piece by piece.  Permission was checked by the caller."""

from __future__ import annotations

import datetime
import hashlib
import logging
from pathlib import Path

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F, Max
from kombu.exceptions import OperationalError

from episodes import storage
from episodes.goals import settle
from episodes.models import MAX_INSTRUCTION, Episode, Upload, UploadFile
from episodes.services import campaigns, erasing, forgetting, room
from fleet import audit
from fleet.models import Robot, is_id
from protocol.episode import EpisodeMeta, FileHash
from protocol.episode_folder import META, check_folder, expected_files, hash_file, is_episode_file
from protocol.errors import Refused

MAX_PIECE = 2 * 1024 * 1024
_log = logging.getLogger(__name__)


def start_upload(robot: Robot, episode: str, files: dict[str, FileHash]) -> Upload:
    """The upload of this episode, new or as far as it is.

    Refused: `file_name`, `not_found` (another robot's), `other_manifest`, `storage_full`.
    """
    for path in files:
        if not is_episode_file(path):
            raise Refused("file_name", "A file is episode.json, frames.parquet, events.jsonl or video/NAME.mp4.")
    upload = Upload.objects.filter(pk=episode).first()
    if upload is None:
        room.check(robot.site.organisation, sum(file.bytes for file in files.values()))
        upload = _new_upload(robot, episode, files)
    _check_owner(upload, robot)
    known = {path: FileHash(size, sha256) for path, size, sha256 in upload.files.values_list("path", "size", "sha256")}
    if known != files:
        raise Refused("other_manifest", "This episode was announced with other files. An episode never changes.")
    return upload


def _new_upload(robot: Robot, episode: str, files: dict[str, FileHash]) -> Upload:
    try:
        with transaction.atomic():
            upload = Upload.objects.create(pk=episode, robot=robot)
            UploadFile.objects.bulk_create(
                UploadFile(upload=upload, path=path, size=file.bytes, sha256=file.sha256) for path, file in files.items()
            )
    except IntegrityError:  # asked twice at once: the other one made it
        upload = Upload.objects.get(pk=episode)
    return upload


def upload_of(robot: Robot, episode: str) -> Upload:
    """`Refused("not_found")` for another robot's too."""
    upload = Upload.objects.filter(pk=episode).first() if is_id(episode) else None
    if upload is None:
        raise Refused("not_found", "There is no such upload. Announce the episode first.")
    return _check_owner(upload, robot)


def _check_owner(upload: Upload, robot: Robot) -> Upload:
    if upload.robot_id != robot.pk:
        raise Refused("not_found", "There is no such upload. Announce the episode first.")
    return upload


def keep_piece(upload: Upload, path: str, offset: int, sha256: str, piece: bytes) -> int:
    """Writes a piece to the disk, then counts it; the offset that follows.

    Refused: `not_receiving`, `episode_refused`, `episode_forgotten`, `file_name`, `wrong_offset` (detail.offset is right),
    `too_large`, `wrong_hash`, `storage_full`.
    """
    _check_wanted(upload)
    if upload.state != "receiving":
        raise Refused("not_receiving", f"This episode is {upload.state} already.")
    file = upload.files.filter(path=path).first()
    if file is None:
        raise Refused("file_name", "This file was not announced.")
    if not piece or len(piece) > MAX_PIECE or offset + len(piece) > file.size:
        raise Refused("too_large", f"A piece has 1 to {MAX_PIECE} bytes and ends within its file of {file.size}.")
    if offset != file.offset:
        raise _wrong_offset(file)
    if hashlib.sha256(piece).hexdigest() != sha256:
        raise Refused("wrong_hash", "The piece does not match its checksum. Send it again.", offset=file.offset)
    room.check(upload.robot.site.organisation, len(piece))
    storage.write_piece(upload.pk, path, offset, piece)
    if not file.advance(offset, offset + len(piece)):
        file.refresh_from_db()
        raise _wrong_offset(file)
    return offset + len(piece)


def _wrong_offset(file: UploadFile) -> Refused:
    return Refused("wrong_offset", f"The next byte of this file is number {file.offset}.", offset=file.offset)


def complete(upload: Upload, wake: bool = True) -> Upload:
    """Reads everything back; the upload is kept (confirmed) or refused.  `wake` tells a worker to check the episode.

    Sent twice at once, the second waits for the first and gets the same answer.
    Refused: `incomplete` (detail.offsets), `wrong_hash` (that file starts again), `episode_refused`.
    """
    with storage.alone(upload.pk):
        upload.refresh_from_db()
        if upload.state == "receiving":
            missing = list(upload.files.filter(offset__lt=F("size")).values_list("path", flat=True))
            if missing:
                raise Refused("incomplete", f"Still missing: {', '.join(missing)}.", offsets=upload.offsets())
            meta = _read_back(upload)
            storage.keep(upload.pk)
            _record(upload, meta, wake)
    _check_wanted(upload)
    return upload


def _check_wanted(upload: Upload) -> None:
    """`Refused("episode_forgotten")`, on which the robot deletes its copy, or `Refused("episode_refused")`."""
    if upload.state == "refused":
        raise Refused("episode_forgotten" if upload.sentence == forgetting.FORGOTTEN else "episode_refused", upload.sentence)


def _read_back(upload: Upload) -> EpisodeMeta | None:
    """The checked episode; None when it was refused for good (the upload then says why)."""
    folder = storage.folder(upload.pk)
    if not folder.exists():  # else killed after the move, before the row: look at what was moved
        folder = storage.incoming(upload.pk)
    for file in upload.files.all():
        if not file.size:
            storage.touch(upload.pk, file.path)
        if _hashed(folder / file.path) != FileHash(file.size, file.sha256):
            storage.take_back(upload.pk)
            UploadFile.objects.filter(pk=file.pk).update(offset=0)
            raise Refused("wrong_hash", f"{file.path} does not match its checksum. Send it again.", path=file.path, offset=0)
    try:
        return _check_claims(upload, check_folder(folder))
    except Refused as refused:
        upload.become("refused", refused.sentence)
        storage.drop(upload.pk)
        return None


def _hashed(path: Path) -> FileHash | None:
    """None when it is not there: a backup was put back, or the power went before its name was on the disk."""
    try:
        return hash_file(path)
    except FileNotFoundError:
        return None


def _check_claims(upload: Upload, meta: EpisodeMeta) -> EpisodeMeta:
    """What the robot says about the episode, against what we know of the robot."""
    if meta.id != upload.pk or meta.robot != upload.robot_id:
        raise Refused("episode_refused", f"{META} names another episode or another robot.")
    if {*meta.files, META} != {*expected_files(meta.cameras), META} or {*meta.files, META} != set(upload.offsets()):
        raise Refused("episode_refused", f"The announced files are not those in {META}.")
    texts = (meta.instruction, meta.cut_reason, *(text for person in meta.people for text in (person.id, person.name)))
    if len(meta.instruction) > MAX_INSTRUCTION or not all(text.isprintable() for text in texts):
        raise Refused("episode_refused", f"{META} holds text that is too long or not printable.")
    if b"\\u0000" in msgspec.json.encode(meta) or not 0 < meta.started_ns < 4_000_000_000 * 10**9:
        raise Refused("episode_refused", f"{META} holds a NUL or a time out of range.")
    if forgetting.forgotten(meta, upload.robot.site.organisation_id):
        raise Refused("episode_forgotten", forgetting.FORGOTTEN)
    return meta


def _record(upload: Upload, meta: EpisodeMeta | None, wake: bool) -> None:
    if meta is None:
        return
    with transaction.atomic():
        organisation = erasing.one_at_a_time(upload.robot.site.organisation_id)
        if forgetting.forgotten(meta, organisation.pk):  # asked again: an erasure that came after the first answer waits here
            storage.erase(upload.pk)
            upload.become("refused", forgetting.FORGOTTEN)
            return
        if not upload.become("kept"):
            return
        last = Episode.objects.filter(organisation=organisation).aggregate(last=Max("number"))["last"]
        prompt, why_none = campaigns.claim(meta, upload.robot)
        episode = Episode.objects.create(
            pk=meta.id,
            organisation=organisation,
            site=upload.robot.site,
            robot=upload.robot,
            campaign=prompt.campaign if prompt else None,
            prompt=prompt,
            number=(last or 0) + 1,
            instruction=meta.instruction,
            outcome=meta.outcome,
            started_at=datetime.datetime.fromtimestamp(meta.started_ns / 1e9, datetime.UTC),
            seconds=meta.seconds,
            rows=meta.rows,
            record_hz=meta.record_hz,
            size_bytes=sum(upload.files.values_list("size", flat=True)),
            cut=meta.cut,
            cut_reason=meta.cut_reason[:300],
            meta=msgspec.to_builtins(meta),
        )
        note = {"rows": meta.rows, "cut": meta.cut, "campaign": prompt.campaign_id if prompt else why_none}
        audit.append(upload.robot.name, "episode_received", episode.pk, organisation.pk, **note)
        settle(episode.campaign_id)
        if wake:
            transaction.on_commit(lambda: ask_for_check(episode.pk))


def ask_for_check(episode: str) -> None:
    """Wakes a worker.  Without a broker the row waits for the reconciler."""
    from episodes import jobs

    try:
        jobs.check_episode.delay(episode)
    except OperationalError as error:
        _log.warning("episode %s waits to be checked: the broker cannot be reached (%s)", episode, error)
