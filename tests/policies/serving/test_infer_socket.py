"""A robot's pilot asks on its own socket: who may, what it is told when there is no answer, and whose answer is whose."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from fleet import robots
from fleet.models import Robot
from policies import known
from policies.models import PolicyServer, PolicyVersion
from policies.serving import recent
from policies.serving.question import MOST_WAITING
from policies.serving.recent import last
from protocol import inference, robot_link
from protocol.inference import Chunk, Trouble
from tests.fleet.conftest import Lab, forgetful, hung_up, lab
from tests.fleet.rig import make_robot
from tests.policies.serving.pilot import Pilot, Serving, say_ready, version
from tests.policies.serving.rig import PLACES, Acting, client, jpeg

__all__ = ["forgetful", "hung_up", "lab"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def policy(lab: Lab) -> PolicyVersion:
    return await sync_to_async(version)(lab.organisation)


@pytest.fixture
async def pilot(lab: Lab) -> Pilot:
    one = Pilot(lab.robot, lab.key)
    await one.log_in()
    return one


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rows that workers were told to look at."""
    told: list[str] = []
    monkeypatch.setattr("policies.services.serving.wake", told.append)
    return told


async def test_a_question_comes_back_as_a_chunk(pilot: Pilot, policy: PolicyVersion) -> None:
    with Serving(policy.pk):
        asked = await pilot.ask(policy.pk, n=7)
        chunk = await pilot.told()
    assert isinstance(chunk, Chunk)
    assert (chunk.n, chunk.captured_ns, chunk.axes, chunk.worker) == (7, asked.captured_ns, 1, "here:1")
    assert chunk.waited_ms >= 0


async def test_what_the_policy_was_shown_can_be_looked_at_afterwards(pilot: Pilot, policy: PolicyVersion) -> None:
    second = 10**9
    with Serving(policy.pk):
        for n in range(1, 6):
            await pilot.ask(policy.pk, n, captured_ns=10 * n * second)
            await pilot.told()
    shown = await sync_to_async(last)(pilot.row.pk, 15)
    assert [at for at, _ in shown] == [40 * second, 50 * second]
    assert shown[0][1] == {"main": jpeg()}
    assert last("nobody") == []


# -- who may -------------------------------------------------------------------------------------------


async def test_pictures_are_not_kept_for_longer_than_they_are_looked_at(
    pilot: Pilot, policy: PolicyVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Serving(policy.pk):
        for n in (1, 2, 3):
            await pilot.ask(policy.pk, n)
            await pilot.told()
        assert await asyncio.to_thread(client().llen, PLACES.recent(pilot.row.pk)) == 3
        monkeypatch.setattr(recent, "KEPT_S", 0.0)
        await pilot.ask(policy.pk, 4)
        await pilot.told()
    assert await asyncio.to_thread(client().llen, PLACES.recent(pilot.row.pk)) == 1


async def test_a_key_that_is_not_the_robots_own_opens_nothing(lab: Lab) -> None:
    thief = Pilot(lab.robot, Ed25519PrivateKey.generate())
    await thief.knock()
    assert (await thief.hear("refused"))["code"] == "signature_invalid"
    assert await thief.closed() == 4401


async def test_a_question_before_the_log_in_is_not_heard(lab: Lab, policy: PolicyVersion) -> None:
    stranger = Pilot(lab.robot, lab.key)
    await stranger.open()
    await stranger.ask(policy.pk)
    assert await stranger.closed() == 4400
    assert not client().exists(PLACES.question(lab.robot.pk))


@pytest.mark.parametrize(
    ("fields", "code"), [({"held_reason": "looked at"}, "held"), ({"revoked_at": timezone.now()}, "revoked")]
)
async def test_a_held_or_revoked_robot_is_turned_away(lab: Lab, fields: dict[str, Any], code: str) -> None:
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(**fields)
    one = Pilot(lab.robot, lab.key)
    await one.open()
    await one.tell(one.hello())
    if code == "held":
        challenge = await one.hear("challenge")
        proof = base64.b64encode(one.key.sign(robot_link_login(one, challenge["nonce"]))).decode()
        await one.tell(robot_link.Proof(signature=proof))
    assert (await one.hear("refused"))["code"] == code
    assert await one.closed() == 4401


def robot_link_login(pilot: Pilot, nonce: str) -> bytes:
    from protocol.permit import login_bytes

    return login_bytes(pilot.row.pk, nonce)


@pytest.mark.parametrize(
    ("fields", "reason"), [({"held_reason": "looked at"}, "held"), ({"revoked_at": timezone.now()}, "revoked")]
)
async def test_a_robot_that_is_held_or_revoked_while_it_asks_is_cut(
    lab: Lab, pilot: Pilot, fields: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(**fields)
    robots.roster.forget()
    closing = await pilot.closing()
    assert (closing["code"], closing["reason"]) == (4403, reason)


async def test_the_newer_connection_of_a_robot_gets_the_answers(lab: Lab, pilot: Pilot, policy: PolicyVersion) -> None:
    again = Pilot(lab.robot, lab.key)
    await again.log_in()
    assert (await pilot.closing())["reason"] == "replaced"
    with Serving(policy.pk):
        await again.ask(policy.pk, n=3)
        assert (await again.told()).n == 3


async def test_two_robots_get_their_own_answers(lab: Lab, pilot: Pilot, policy: PolicyVersion) -> None:
    row, key = await sync_to_async(make_robot)(lab.site, "kestrel-2")
    other = Pilot(row, key)
    await other.log_in()
    with Serving(policy.pk):
        await pilot.ask(policy.pk, n=1, captured_ns=1)
        await other.ask(policy.pk, n=2, captured_ns=2)
        first, second = await pilot.told(), await other.told()
    assert isinstance(first, Chunk) and isinstance(second, Chunk)
    assert (first.captured_ns, second.captured_ns) == (1, 2)


# -- what is said where there is no answer -----------------------------------------------------------------


async def trouble(pilot: Pilot, policy: str, n: int = 1, **fields: Any) -> Trouble:
    await pilot.ask(policy, n, **fields)
    said = await pilot.told()
    assert isinstance(said, Trouble), said
    assert said.n == n
    assert said.sentence.endswith(".")
    return said


async def test_a_policy_that_is_not_there_is_missing(lab: Lab, pilot: Pilot) -> None:
    theirs = await sync_to_async(version)(
        (await Robot.objects.select_related("site__organisation").aget(pk=lab.foreign.pk)).site.organisation
    )
    for id in ("b" * 32, theirs.pk):
        assert (await trouble(pilot, id)).code == "policy_missing"
        assert not client().exists(PLACES.wake(id))


@pytest.mark.parametrize("fields", [{"withdrawn_reason": "it dropped things"}, {"stage": "retired"}])
async def test_a_policy_that_may_not_be_used_any_more_says_why(
    pilot: Pilot, policy: PolicyVersion, fields: dict[str, str]
) -> None:
    await PolicyVersion.objects.filter(pk=policy.pk).aupdate(**fields)
    known.policies.forget()
    said = await trouble(pilot, policy.pk)
    assert (said.code, "starter 1 was" in said.sentence) == ("policy_missing", True)


async def test_a_policy_for_other_robots_is_not_asked(pilot: Pilot, policy: PolicyVersion) -> None:
    await PolicyVersion.objects.filter(pk=policy.pk).aupdate(kinds=["0" * 64])
    known.policies.forget()
    assert (await trouble(pilot, policy.pk)).code == "policy_embodiment"


async def test_who_asks_first_starts_a_server_and_is_told_that_it_loads(
    pilot: Pilot, policy: PolicyVersion, woken: list[str]
) -> None:
    assert (await trouble(pilot, policy.pk)).code == "policy_loading"
    row = await PolicyServer.objects.aget(policy=policy)
    assert (row.state, row.place, woken) == ("queued", 0, [row.pk])
    await trouble(pilot, policy.pk, 2)
    assert woken == [row.pk]  # not again within a second


@pytest.mark.parametrize(
    ("row", "code", "word"),
    [
        ({"state": "running", "owner": "host:7", "heartbeat": 0}, "policy_loading", "host:7"),
        ({"state": "running", "owner": "host:7", "heartbeat": 0, "ready_at": 0}, "no_server", "silent"),
        ({"state": "queued", "asked_at": 60}, "no_server", "worker"),
        (
            {"state": "failed", "problem_code": "policy_damaged", "problem": "It is damaged.", "ended_at": 0},
            "policy_damaged",
            "damaged",
        ),
    ],
    ids=["loading", "silent", "no worker", "failed"],
)
async def test_why_nobody_answers_is_said_as_the_row_has_it(
    pilot: Pilot, policy: PolicyVersion, row: dict[str, Any], code: str, word: str
) -> None:
    """Times in seconds ago."""
    now = timezone.now()
    fields = {name: now - timedelta(seconds=value) if isinstance(value, int) else value for name, value in row.items()}
    await PolicyServer.objects.acreate(policy=policy, **fields)
    said = await trouble(pilot, policy.pk)
    assert (said.code, word in said.sentence) == (code, True)


async def test_a_server_that_does_not_answer_in_time_is_slow(pilot: Pilot, policy: PolicyVersion) -> None:
    say_ready(policy.pk)
    assert (await trouble(pilot, policy.pk)).code == "slow"


async def test_too_many_waiting_robots_are_a_full_queue(pilot: Pilot, policy: PolicyVersion) -> None:
    say_ready(policy.pk)
    client().rpush(PLACES.wake(policy.pk), *(f"robot{n}" for n in range(MOST_WAITING)))
    assert (await trouble(pilot, policy.pk)).code == "queue_full"


async def test_a_wrong_answer_of_the_policy_reaches_the_robot_in_words(pilot: Pilot, policy: PolicyVersion) -> None:
    with Serving(policy.pk, Acting(lambda one: None)):
        assert (await trouble(pilot, policy.pk)).code == "policy_output"


async def test_after_a_trouble_the_next_question_is_answered(pilot: Pilot, policy: PolicyVersion) -> None:
    say_ready(policy.pk)
    await trouble(pilot, policy.pk, 1)
    with Serving(policy.pk):
        await pilot.ask(policy.pk, 2)
        assert (await pilot.told()).n == 2


# -- what cannot be read --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"\xc1", "inference_message"), (b"\x80", "inference_message"), (bytes(inference.MAX_BYTES + 1), "too_large")],
)
async def test_what_cannot_be_read_is_trouble_and_the_robot_stays(
    pilot: Pilot, policy: PolicyVersion, raw: bytes, code: str
) -> None:
    await pilot.wire.send_to(bytes_data=raw)
    said = await pilot.told()
    assert isinstance(said, Trouble) and said.code == code
    with Serving(policy.pk):
        await pilot.ask(policy.pk, 2)
        assert isinstance(await pilot.told(), Chunk)


async def test_too_many_pictures_are_refused(pilot: Pilot, policy: PolicyVersion) -> None:
    said = await trouble(pilot, policy.pk, pictures={f"eye{n}": b"" for n in range(9)})
    assert said.code == "policy_input"


async def test_a_flood_is_cut(pilot: Pilot, policy: PolicyVersion) -> None:
    say_ready(policy.pk)
    for n in range(100):
        await pilot.ask(policy.pk, n)
    assert await pilot.closed() == 4429


async def test_text_after_the_log_in_is_refused(pilot: Pilot) -> None:
    await pilot.tell(pilot.hello())
    assert (await pilot.hear("refused"))["code"] == "unexpected"
