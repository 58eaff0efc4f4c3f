"""Two organisations, their people and robots, and episodes recorded by the real recorder."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.test import Client

from episodes import jobs, tokens
from episodes.models import Episode, Upload
from episodes.services import uploads as services
from fleet.models import Membership, Organisation, Person, Robot, Site
from protocol.episode import FileHash, Outcome
from protocol.episode_folder import META, decode_meta, hash_file
from robot.collect.size import resized
from robot.recorder.episode_recorder import About, EpisodeRecorder, Ordered
from robot.recorder.finalise import Home
from robot.recorder.ticks import TickMaker
from tests.robot.recorder.rig import LIMITS, SMALL, START_NS, ticks

_recorded = itertools.count()


@dataclass(frozen=True)
class World:
    """`mina` operates in Lab; `vera` only looks on there; `otto` belongs to another organisation."""

    site: Site
    robot: Robot
    other_robot: Robot
    mina: Person
    vera: Person
    otto: Person


def world() -> World:
    lab, other = Organisation.objects.create(name="Lab"), Organisation.objects.create(name="Other")
    site = Site.objects.create(organisation=lab, name="West")
    elsewhere = Site.objects.create(organisation=other, name="East")
    people = []
    for name, organisation, role in (("mina", lab, "operator"), ("vera", lab, "viewer"), ("otto", other, "admin")):
        person = Person.objects.create_user(name, password="secret", first_name=name.title())
        Membership.objects.create(person=person, organisation=organisation, role=role)
        people.append(person)
    robots = [
        Robot.objects.create(site=place, name=name, public_key=name, embodiment=msgspec.to_builtins(SMALL))
        for place, name in ((site, "kestrel-1"), (elsewhere, "heron-1"))
    ]
    return World(site, robots[0], robots[1], *people)


def recorded(
    folder: Path,
    robot: str,
    count: int = 40,
    instruction: str = "Put the cube in the tray",
    outcome: Outcome = "success",
    ordered: Ordered | None = None,
    scale: int = 1,
) -> Path:
    """An episode folder as a robot would upload it; each shows another motion, or they were duplicates.

    `scale` multiplies both sides of the pictures.
    """
    body = resized(SMALL, SMALL.cameras[0].width * scale, SMALL.cameras[0].height * scale)
    elsewhere = 4 * (next(_recorded) * 0.618 % 1) - 2
    rec = EpisodeRecorder(Home(folder), About(robot, body, "test"), LIMITS, sync_s=0)
    rec.start(instruction, START_NS, ordered=ordered)
    for tick in ticks(count, TickMaker(body), scale=scale):
        tick.row.state = (tick.row.state[0] + elsewhere, *tick.row.state[1:])
        rec.tick(tick)
    return rec.stop(outcome)


def manifest(folder: Path) -> dict[str, FileHash]:
    return {META: hash_file(folder / META), **decode_meta((folder / META).read_bytes()).files}


def announced(folder: Path, robot: Robot) -> Upload:
    """The episode of `folder` with all its bytes on the server, not yet said to be complete."""
    upload = services.start_upload(robot, folder.name, manifest(folder))
    for path, file in manifest(folder).items():
        raw = (folder / path).read_bytes()
        if file.bytes:
            services.keep_piece(upload, path, 0, hashlib.sha256(raw).hexdigest(), raw)
    return upload


def received(folder: Path, robot: Robot, checked: bool = True) -> Episode:
    """The episode of `folder` on the server, brought there through the services."""
    services.complete(announced(folder, robot))
    if checked:
        jobs.check_episode(folder.name)
    return Episode.objects.get(pk=folder.name)


class RobotClient:
    """A robot's side of the upload API, without the network."""

    def __init__(self, robot: Robot, token: str | None = None) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.headers = {"Authorization": f"Bearer {tokens.mint(robot) if token is None else token}"}

    def start(self, folder: Path, files: dict[str, Any] | None = None) -> Any:
        claimed = msgspec.to_builtins(manifest(folder)) if files is None else files
        body = {"episode": folder.name, "files": claimed}
        return self.client.post("/api/uploads", body, "application/json", headers=self.headers)

    def put(self, episode: str, path: str, offset: int, piece: bytes, sha256: str | None = None) -> Any:
        headers = {**self.headers, "X-Piece-SHA256": sha256 or hashlib.sha256(piece).hexdigest()}
        address = f"/api/uploads/{episode}/pieces?path={path}&offset={offset}"
        return self.client.put(address, piece, "application/octet-stream", headers=headers)

    def put_all(self, folder: Path) -> None:
        for path, file in manifest(folder).items():
            if file.bytes:
                assert self.put(folder.name, path, 0, (folder / path).read_bytes()).status_code == 200

    def complete(self, episode: str) -> Any:
        return self.client.post(f"/api/uploads/{episode}/complete", {}, "application/json", headers=self.headers)


def body_of(response: Any) -> bytes:
    """The bytes of a plain or a streamed answer."""

    async def streamed() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return asyncio.run(streamed()) if response.streaming else bytes(response.content)


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client
