"""What is asked for robots: letting them in, holding, revoking, renaming.  Permission is checked by the caller's edge."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from datetime import timedelta

import msgspec
from django.db import IntegrityError, transaction
from django.utils import timezone

from fleet import audit, keys
from fleet.access import access
from fleet.fresh import Fresh
from fleet.models import EnrolmentCode, Person, Robot, Site
from protocol import robot_link
from protocol.embodiment import Embodiment, decode_embodiment, differences
from protocol.errors import Refused

CODE_MINUTES = 10
_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that are mistaken for another


def read_roster() -> dict[str, Robot]:
    return {robot.pk: robot for robot in Robot.objects.working().select_related("site")}


roster: Fresh[dict[str, Robot]] = Fresh(read_roster, {})  # every robot whose key is worth something, by id


def check_protocol(protocol: int) -> None:
    if not robot_link.OLDEST <= protocol <= robot_link.NEWEST:
        raise Refused(
            "upgrade_required",
            f"This server speaks versions {robot_link.OLDEST} to {robot_link.NEWEST} of the robot protocol, not {protocol}.",
            oldest=robot_link.OLDEST,
            newest=robot_link.NEWEST,
        )


def knocking(hello: robot_link.Hello) -> tuple[Robot, Embodiment]:
    """The robot that says hello and how it describes itself; refuses who is unknown, revoked or too old.

    Nothing is kept: the key is not proven yet.
    """
    check_protocol(hello.protocol)
    row = Robot.objects.select_related("site").filter(pk=hello.robot).first()
    if row is None:
        raise Refused("robot_unknown", "This robot is not enrolled here.")
    if row.revoked_at is not None:
        raise Refused("revoked", "This robot's key was revoked. Enrol it again with a new code.")
    if not hello.program.isprintable():
        raise Refused("invalid_field:program", "The program's version has characters that cannot be shown.")
    return row, decode_embodiment(hello.embodiment.encode())


def describe(row: Robot, body: Embodiment, program: str) -> None:
    """Keeps what a robot that has proven its key says of itself; refuses `embodiment_changed`.

    A row without a hash takes what comes (a demo whose program was updated).
    """
    if row.embodiment_hash and body.hash != row.embodiment_hash:
        raise _changed(row, body)
    if body.hash != row.embodiment_hash or program[:40] != row.program or row.embodiment_offered:
        row.embodiment, row.embodiment_hash, row.program = msgspec.to_builtins(body), body.hash, program[:40]
        row.embodiment_offered = {}
        row.save(update_fields=["embodiment", "embodiment_hash", "embodiment_offered", "program"])


def _changed(row: Robot, body: Embodiment) -> Refused:
    """Limits, recordings and policies rest on the description: another one waits for an administrator, once noted."""
    known = msgspec.convert(row.embodiment, Embodiment)
    what = "; ".join(differences(known, body))[:300]
    if row.embodiment_offered.get("hash") != body.hash:
        row.embodiment_offered = {"hash": body.hash, "differs": what, "body": msgspec.to_builtins(body)}
        row.save(update_fields=["embodiment_offered"])
        audit.append("server", "refused changed description", row.name, row.site.organisation_id, differs=what, hash=body.hash)
        roster.forget()
    sentence = f"This robot describes itself otherwise than before ({what}). An administrator must accept it first."
    return Refused("embodiment_changed", sentence, differs=what, hash=body.hash)


def accept_embodiment(person: Person, robot: Robot, offered: str) -> None:
    """The description with hash `offered`, that the administrator has seen, is the robot's from now on."""
    waiting = robot.embodiment_offered
    if not waiting:
        raise Refused("nothing_offered", "This robot's description has not changed.")
    if waiting["hash"] != offered:
        raise Refused("stale_version", "The robot describes itself otherwise again meanwhile.", current=waiting["hash"])
    robot.embodiment, robot.embodiment_hash, robot.embodiment_offered = waiting["body"], offered, {}
    robot.save(update_fields=["embodiment", "embodiment_hash", "embodiment_offered"])
    act = "accepted changed description"
    audit.append(person.username, act, robot.name, robot.site.organisation_id, differs=waiting["differs"], hash=offered)
    roster.forget()


def make_code(person: Person, site: Site, name: str) -> tuple[EnrolmentCode, str]:
    """A row and the code itself, which is shown once and kept nowhere."""
    if Robot.objects.filter(site=site, name=name).exists():
        raise Refused("name_taken", f"There is a robot named {name} at {site.name}. Choose another name.")
    audit.append(person.username, "made enrolment code", name, site.organisation_id)
    return _keep_code(person, site, name)


def make_rotation_code(person: Person, robot: Robot) -> tuple[EnrolmentCode, str]:
    """A code that gives this robot a new key; its old key works until the code is used."""
    audit.append(person.username, "made code for a new key", robot.name, robot.site.organisation_id)
    return _keep_code(person, robot.site, robot.name, robot)


def _keep_code(person: Person, site: Site, name: str, replaces: Robot | None = None) -> tuple[EnrolmentCode, str]:
    raw = "".join(secrets.choice(_LETTERS) for _ in range(12))
    code = "-".join((raw[:4], raw[4:8], raw[8:]))
    row = EnrolmentCode.objects.create(
        code_hash=_hash(code), site=site, name=name, made_by=person, replaces=replaces,
        expires_at=timezone.now() + timedelta(minutes=CODE_MINUTES),
    )  # fmt: skip
    return row, code


def _hash(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").strip().upper().encode()).hexdigest()


def enrol(code: str, public_key: str, embodiment: str, program: str, protocol: int) -> Robot:
    """Uses a code up and makes the robot.  The code is spent by one conditional update, so two at once cannot both win."""
    check_protocol(protocol)
    body = decode_embodiment(embodiment.encode())
    _check_key(public_key)
    with transaction.atomic():
        row = EnrolmentCode.objects.select_related("site", "replaces").filter(code_hash=_hash(code)).first()
        if row is None:
            raise Refused("code_unknown", "This enrolment code does not exist. Make a new one under Add robot.")
        if row.used_at is not None:
            raise _code_used()
        if row.expires_at < timezone.now():
            raise Refused("code_expired", "This enrolment code is older than 10 minutes. Make a new one.")
        if not EnrolmentCode.objects.filter(pk=row.pk, used_at=None).update(used_at=timezone.now()):
            raise _code_used()
        robot = _replace_key(row.replaces, public_key, body, program) if row.replaces else _make(row, public_key, body, program)
        EnrolmentCode.objects.filter(pk=row.pk).update(robot=robot)
        act = "got a new key" if row.replaces else "enrolled"
        audit.append(f"robot {robot.pk}", act, robot.name, row.site.organisation_id, key=public_key)
    access.forget()
    roster.forget()
    return robot


def recorder_of(site: Site, name: str, body: Embodiment, program: str) -> Robot:
    """The robot `name` at `site` that only brings recordings, made where there is none yet.

    Nobody holds its key: it never logs in.  Refused: `name_taken` (by a robot that works), `embodiment_changed`.
    """
    row = Robot.objects.filter(site=site, name=name).first()
    if row is None:
        row = Robot.objects.create(
            site=site, name=name, public_key=base64.b64encode(secrets.token_bytes(32)).decode(), recordings_only=True,
            program=program[:40], embodiment=msgspec.to_builtins(body), embodiment_hash=body.hash,
        )  # fmt: skip
        audit.append("server", "made a robot for recordings", name, site.organisation_id)
    if not row.recordings_only or row.revoked_at is not None:
        raise Refused("name_taken", f"There is a robot named {name} at {site.name} that works. Choose another name.")
    if row.embodiment_hash != body.hash:
        differs = "; ".join(differences(msgspec.convert(row.embodiment, Embodiment), body))[:300]
        raise Refused("embodiment_changed", f"{name} recorded with another embodiment ({differs}). Choose another name.")
    return row


def _code_used() -> Refused:
    return Refused("code_used", "This enrolment code was used already. Make a new one under Add robot.")


def _replace_key(robot: Robot, public_key: str, body: Embodiment, program: str) -> Robot:
    """The same robot with a new key: the old one is worth nothing from now on, and a hold is over."""
    robot.public_key, robot.program, robot.held_reason = public_key, program[:40], ""
    robot.embodiment, robot.embodiment_hash, robot.embodiment_offered = msgspec.to_builtins(body), body.hash, {}
    robot.log_n = 0  # the program that enrols begins a log of its own
    if robot.revoked_at is not None:
        raise Refused("revoked", "This robot was revoked meanwhile. Make a new code under Add robot.")
    try:
        with transaction.atomic():
            robot.save()
    except IntegrityError as error:
        raise Refused("name_or_key_taken", "A robot with this key exists already.") from error
    return robot


def _make(code: EnrolmentCode, public_key: str, body: Embodiment, program: str) -> Robot:
    try:
        with transaction.atomic():
            return Robot.objects.create(
                site=code.site, name=code.name, public_key=public_key, program=program[:40],
                embodiment=msgspec.to_builtins(body), embodiment_hash=body.hash,
            )  # fmt: skip
    except IntegrityError as error:
        raise Refused("name_or_key_taken", "A robot with this name or this key exists already.") from error


def _check_key(public_key: str) -> None:
    try:
        size = len(base64.b64decode(public_key, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != 32:
        raise Refused("invalid_field:public_key", "A public key is 32 bytes of Ed25519 in base64.")


def server_key() -> str:
    return keys.public_key()


def hold(robot: str, sentence: str) -> None:
    if Robot.objects.filter(pk=robot, held_reason="").update(held_reason=sentence[:200]):
        row = Robot.objects.select_related("site").get(pk=robot)
        audit.append("server", "held", row.name, row.site.organisation_id, reason=sentence)
        roster.forget()


def release(person: Person, robot: Robot) -> None:
    """An administrator has looked; the robot may log in again as usual."""
    if Robot.objects.filter(pk=robot.pk).exclude(held_reason="").update(held_reason=""):
        audit.append(person.username, "released hold", robot.name, robot.site.organisation_id, reason=robot.held_reason)
        roster.forget()


def revoke(person: Person, robot: Robot) -> None:
    """Its key is worth nothing any more; its socket is cut within two seconds, its leases with it."""
    if Robot.objects.filter(pk=robot.pk, revoked_at=None).update(
        revoked_at=timezone.now(), name=f"{robot.name[:22]} ({robot.pk[:8]})"
    ):
        audit.append(person.username, "revoked", robot.name, robot.site.organisation_id)
        access.forget()
        roster.forget()


def rename(person: Person, robot: Robot, name: str, version: int) -> Robot:
    """Refuses `stale_version` with the current one when somebody else changed the row meanwhile."""
    try:
        with transaction.atomic():
            changed = Robot.objects.filter(pk=robot.pk, version=version).update(name=name, version=version + 1)
    except IntegrityError as error:
        raise Refused("name_taken", f"There is a robot named {name} at this site.") from error
    robot.refresh_from_db()
    if not changed:
        raise Refused("stale_version", "Somebody changed this robot meanwhile.", current=robot.version, name=robot.name)
    audit.append(person.username, "renamed", robot.pk, robot.site.organisation_id, name=name)
    return robot
