"""What people see of episodes, who may change them, and how their files are served."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import AsyncClient

from episodes import jobs, media, storage
from episodes.models import STALE, Episode
from fleet.models import AuditEntry
from tests.episodes.rig import World, body_of, received, recorded, signed_in, world

pytestmark = pytest.mark.django_db


def test_the_list_shows_what_one_may_see_and_nothing_else(here: World, episode: Episode) -> None:
    page = signed_in(here.mina).get("/api/episodes").json()
    (row,) = page["items"]
    assert (row["id"], row["number"], row["status"], row["outcome"]) == (episode.pk, 1, "ready", "success")
    assert row["robot"]["name"] == "kestrel-1"
    assert row["pilots"] == {"operator": 40}
    assert row["band"] == [{"first": 0, "last": 39, "pilot": "operator"}]
    assert page["counts"] == {"all": 1, "success": 1, "failure": 0, "unlabelled": 0}
    others = signed_in(here.otto).get("/api/episodes").json()
    assert (others["items"], others["total"], others["robots"]) == ([], 0, [])


@pytest.mark.parametrize(
    "query", ["page_size=-1", "page_size=0", "page_size=201", "page_size=1000000000", "page=0", "outcome=maybe"]
)
def test_a_page_that_cannot_be_is_refused(here: World, query: str) -> None:
    """Row 10 of the bad inputs."""
    response = signed_in(here.mina).get(f"/api/episodes?{query}")
    assert response.status_code == 400
    assert response.json()["code"].startswith("invalid_field:")


def test_filters_and_pages(here: World, tmp_path: Path) -> None:
    for number, instruction in enumerate(["Wipe the mat", "Stack the trays", "Wipe the tray"]):
        received(recorded(tmp_path / str(number), here.robot.pk, 5, instruction), here.robot, checked=False)
    client = signed_in(here.mina)
    assert client.get("/api/episodes?search=wipe").json()["total"] == 2
    assert client.get("/api/episodes?search=wipe tray").json()["total"] == 1
    assert client.get("/api/episodes?search=kestrel").json()["total"] == 3
    assert client.get(f"/api/episodes?robot={here.other_robot.pk}").json()["total"] == 0
    assert client.get("/api/episodes?outcome=failure").json()["total"] == 0
    second = client.get("/api/episodes?page=2&page_size=2").json()
    assert (len(second["items"]), second["total"]) == (1, 3)


def test_one_episode_tells_how_its_columns_lie(here: World, episode: Episode) -> None:
    client = signed_in(here.mina)
    detail = client.get(f"/api/episodes/{episode.pk}").json()
    kinds = [(column["kind"], column["name"]) for column in detail["columns"]]
    assert kinds[0] == ("time", "time")
    assert ("asked", "vx") in kinds
    assert [video["camera"] for video in detail["videos"]] == ["scene", "wrist"]
    raw = body_of(client.get(detail["columns_url"]))
    matrix = np.frombuffer(raw, "<f4").reshape(len(kinds), detail["rows"])
    assert matrix[0] == pytest.approx(np.arange(40) / 30, abs=1e-4)
    assert matrix[kinds.index(("state", "q2"))] == pytest.approx(np.arange(40) / 1000)
    assert matrix[kinds.index(("repeated", "wrist"))].sum() == 4
    assert detail["may_change"]
    assert not signed_in(here.vera).get(f"/api/episodes/{episode.pk}").json()["may_change"]


def test_another_organisation_finds_nothing_at_any_address(here: World, episode: Episode) -> None:
    client = signed_in(here.otto)
    api = f"/api/episodes/{episode.pk}"
    for response in (
        client.get(api),
        client.patch(api, {"version": 1, "outcome": "failure"}, "application/json"),
        client.delete(f"{api}?version=1"),
        client.post(f"{api}/restore"),
        client.get(f"{api}/events"),
        client.get(f"/episodes/{episode.pk}/"),
        client.get(f"/episodes/{episode.pk}/columns.f32"),
        client.get(f"/episodes/{episode.pk}/poster.jpg"),
        client.get(f"/episodes/{episode.pk}/video/scene.mp4"),
    ):
        assert response.status_code == 404
    episode.refresh_from_db()
    assert (episode.outcome, episode.version) == ("success", 1)


def test_a_viewer_may_look_but_not_change(here: World, episode: Episode) -> None:
    client = signed_in(here.vera)
    api = f"/api/episodes/{episode.pk}"
    assert client.get(api).status_code == 200
    assert client.patch(api, {"version": 1, "outcome": "failure"}, "application/json").status_code == 403
    assert client.delete(f"{api}?version=1").status_code == 403
    assert client.post(f"{api}/restore").status_code == 403


def test_a_correction_on_an_old_version_is_refused_with_the_current_one(here: World, episode: Episode) -> None:
    client = signed_in(here.mina)
    api = f"/api/episodes/{episode.pk}"
    changed = client.patch(api, {"version": 1, "outcome": "failure"}, "application/json")
    assert (changed.json()["outcome"], changed.json()["version"]) == ("failure", 2)
    stale = client.patch(api, {"version": 1, "instruction": "Mine"}, "application/json")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    assert stale.json()["detail"]["current"]["version"] == 2
    unknown = client.patch(api, {"version": 2, "rows": 7}, "application/json")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_field:rows")
    hidden = client.patch(api, {"version": 2, "instruction": "a\u202eb"}, "application/json")
    assert hidden.json()["code"] == "invalid_field:instruction"
    assert AuditEntry.objects.get(act="episode_corrected").detail == {"outcome": "failure"}


def test_a_removed_episode_leaves_the_list_and_can_be_brought_back(here: World, episode: Episode) -> None:
    client = signed_in(here.mina)
    api = f"/api/episodes/{episode.pk}"
    assert client.delete(f"{api}?version=7").status_code == 409
    assert client.delete(f"{api}?version=1").json()["removed"]
    assert client.get("/api/episodes").json()["total"] == 0
    assert client.get("/api/episodes?removed=true").json()["total"] == 1
    assert storage.folder(episode.pk).exists()
    assert not client.post(f"{api}/restore").json()["removed"]
    assert client.get("/api/episodes").json()["total"] == 1


def test_ranges_of_a_video(here: World, episode: Episode) -> None:
    client = signed_in(here.mina)
    address = f"/episodes/{episode.pk}/video/scene.mp4"
    raw = (storage.folder(episode.pk) / "video" / "scene.mp4").read_bytes()

    def ask(**headers: str) -> tuple[int, bytes, Any]:
        response = client.get(address, headers=headers)
        return response.status_code, body_of(response), response

    status, body, whole = ask()
    assert (status, body) == (200, raw)
    assert whole["Accept-Ranges"] == "bytes"
    etag = whole["ETag"]
    status, body, part = ask(Range="bytes=10-19")
    assert (status, body, part["Content-Range"]) == (206, raw[10:20], f"bytes 10-19/{len(raw)}")
    assert ask(Range="bytes=-7")[:2] == (206, raw[-7:])
    assert ask(Range=f"bytes={len(raw) - 3}-")[:2] == (206, raw[-3:])
    assert ask(Range=f"bytes={len(raw)}-")[0] == 416
    assert ask(Range="bytes=-0")[0] == 416
    assert ask(Range="bytes=9-3")[:2] == (200, raw)
    assert ask(Range="lines=1-2")[:2] == (200, raw)
    assert ask(Range="bytes=0-1,5-6")[:2] == (200, raw)
    assert ask(**{"Range": "bytes=0-3", "If-Range": etag})[:2] == (206, raw[:4])
    assert ask(**{"Range": "bytes=0-3", "If-Range": '"other"'})[:2] == (200, raw)
    assert ask(**{"If-None-Match": etag})[0] == 304
    assert client.post(address).status_code == 405
    assert client.get(f"/episodes/{episode.pk}/video/other.mp4").status_code == 404


def test_one_answer_carries_at_most_two_mebibytes_of_a_range(tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(range(256)) * 20_000)

    async def ask(range_: str) -> tuple[str, bytes, int]:
        from django.test import RequestFactory

        request = RequestFactory().get("/", headers={"Range": range_})
        response: Any = await media.serve(request, path, "video/mp4", "tag")
        pieces = [piece async for piece in response.streaming_content]
        return response["Content-Range"], b"".join(pieces), max(map(len, pieces))

    content_range, body, largest = asyncio.run(ask("bytes=1000-"))
    assert content_range == f"bytes 1000-{1000 + media.MOST - 1}/5120000"
    assert body == path.read_bytes()[1000 : 1000 + media.MOST]
    assert largest <= 256 * 1024


def test_nobody_signed_in_gets_nothing(here: World, episode: Episode) -> None:
    from django.test import Client

    client = Client()
    assert client.get("/api/episodes").status_code == 401
    assert client.get(f"/episodes/{episode.pk}/video/scene.mp4").status_code == 401
    assert client.get("/episodes/").status_code == 302
    assert client.get(f"/episodes/{episode.pk}/").status_code == 302


@pytest.mark.django_db(transaction=True)
async def test_a_video_streams_under_asgi(tmp_path: Path) -> None:
    from asgiref.sync import sync_to_async

    here = await sync_to_async(world)()
    episode = await sync_to_async(lambda: received(recorded(tmp_path / "r", here.robot.pk), here.robot))()
    client = AsyncClient()
    await client.aforce_login(here.mina)
    response: Any = await client.get(f"/episodes/{episode.pk}/video/wrist.mp4", headers={"Range": "bytes=0-99"})
    assert response.status_code == 206
    assert b"".join([piece async for piece in response.streaming_content])[4:8] == b"ftyp"


def test_a_damaged_episode_is_rejected_and_says_which_file(here: World, tmp_path: Path) -> None:
    episode = received(recorded(tmp_path / "robot", here.robot.pk), here.robot, checked=False)
    path = storage.folder(episode.pk) / "frames.parquet"
    raw = bytearray(path.read_bytes())
    raw[50] ^= 1
    path.write_bytes(raw)
    jobs.check_episode(episode.pk)
    episode.refresh_from_db()
    assert episode.status == "rejected"
    assert "frames.parquet" in episode.problem
    detail = signed_in(here.mina).get(f"/api/episodes/{episode.pk}").json()
    assert (detail["columns"], detail["poster"], detail["playable"]) == ([], "", False)
    assert [finding["code"] for finding in detail["findings"]] == ["hash_mismatch"]
    assert detail["found"] == {"hash_mismatch": 1}


def test_a_check_whose_worker_died_is_done_again_and_the_first_ones_result_is_not_taken(here: World, tmp_path: Path) -> None:
    episode = received(recorded(tmp_path / "robot", here.robot.pk), here.robot, checked=False)
    fence = episode.claim_check()
    assert fence is not None
    jobs.reconcile()
    episode.refresh_from_db()
    assert episode.status == "received"  # somebody is at it
    assert episode.checked_at is not None
    Episode.objects.filter(pk=episode.pk).update(checked_at=episode.checked_at - 2 * STALE)
    jobs.reconcile()
    assert not episode.end_check(fence, "rejected", {})
    episode.refresh_from_db()
    assert episode.status == "ready"


def test_events_stand_beside_their_rows(here: World, episode: Episode) -> None:
    (storage.folder(episode.pk) / "events.jsonl").write_bytes(
        b'{"time_ns":1760000000500000000,"event":"granted","actor":"Mina"}\nnot json\n{"event":"without time"}\n'
    )
    events = signed_in(here.mina).get(f"/api/episodes/{episode.pk}/events").json()
    assert [(event["event"], event["actor"], event["row"]) for event in events] == [("granted", "Mina", 15)]
