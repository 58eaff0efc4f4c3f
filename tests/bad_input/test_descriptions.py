"""Row 49: a robot that describes itself otherwise than when it was enrolled stays out until an administrator accepts it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from fleet.models import AuditEntry, Robot
from protocol.embodiment import Axis, Embodiment, Quantity, Workspace, decode_embodiment, differences
from protocol.errors import Refused
from tests.fleet.conftest import Lab
from tests.fleet.rig import BODY, RobotProgram, embodiment

RENAMED = msgspec.structs.replace(BODY, state=(Quantity("elbow", "rad", -3.0, 3.0),))


async def knock(lab: Lab, body: Any, key: Any = None) -> dict[str, Any]:
    """What the robot that describes itself so is told after its proof."""
    program = RobotProgram(lab.robot, key or lab.key)
    await program.knock(embodiment=embodiment(body))
    while True:
        event = await program.wire.receive_output(5)
        said: dict[str, Any] = msgspec.json.decode(event["text"])
        if said["type"] in ("welcome", "refused"):
            break
    await program.leave()
    return said


async def row(lab: Lab) -> Robot:
    return await Robot.objects.aget(pk=lab.robot.pk)


def administrator(lab: Lab, role: str = "admin") -> Client:
    client = Client()
    client.force_login(lab.people[role], backend="django.contrib.auth.backends.ModelBackend")
    return client


def accept(client: Client, lab: Lab, hash: str) -> Any:
    return client.post(f"/api/robots/{lab.robot.pk}/accept-embodiment", {"hash": hash}, content_type="application/json")


@pytest.mark.django_db(transaction=True)
async def test_row_49_other_joint_names_are_refused_by_name_and_kept_from_the_row(lab: Lab) -> None:
    for _ in range(2):
        refused = await knock(lab, RENAMED)
        assert (refused["type"], refused["code"]) == ("refused", "embodiment_changed")
        assert "joint is gone" in refused["sentence"] and "elbow is new" in refused["sentence"]
        assert refused["detail"]["hash"] == RENAMED.hash
    kept = await row(lab)
    assert (kept.embodiment_hash, msgspec.convert(kept.embodiment, Embodiment)) == (BODY.hash, BODY)
    assert await AuditEntry.objects.filter(act="refused changed description").acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_row_49_who_has_not_proven_the_key_leaves_no_trace(lab: Lab) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    refused = await knock(lab, RENAMED, Ed25519PrivateKey.generate())
    assert refused["code"] == "signature_invalid"
    kept = await row(lab)
    assert (kept.embodiment_offered, kept.program) == ({}, "")
    assert not await AuditEntry.objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_row_49_an_administrator_accepts_what_they_have_seen(lab: Lab) -> None:
    await knock(lab, RENAMED)
    client = await sync_to_async(administrator)(lab)
    seen = (await sync_to_async(client.get)(f"/api/robots/{lab.robot.pk}")).json()["offered"]
    assert seen["hash"] == RENAMED.hash and "elbow" in seen["differs"]
    stale = await sync_to_async(accept)(client, lab, BODY.hash)
    assert (stale.status_code, stale.json()["code"], stale.json()["detail"]["current"]) == (409, "stale_version", RENAMED.hash)
    assert (await sync_to_async(accept)(client, lab, RENAMED.hash)).status_code == 200
    assert (await knock(lab, RENAMED))["type"] == "welcome"
    assert (await knock(lab, BODY))["code"] == "embodiment_changed"
    accepted = await AuditEntry.objects.aget(act="accepted changed description")
    assert (accepted.actor, accepted.detail["hash"]) == ("admin", RENAMED.hash)


@pytest.mark.django_db(transaction=True)
async def test_row_49_a_robot_that_comes_back_as_it_was_is_welcome(lab: Lab) -> None:
    await knock(lab, RENAMED)
    assert (await knock(lab, BODY))["type"] == "welcome"
    assert (await row(lab)).embodiment_offered == {}
    nothing = await sync_to_async(accept)(await sync_to_async(administrator)(lab), lab, RENAMED.hash)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_offered")


def _axes(**changes: Any) -> tuple[Axis, ...]:
    return tuple(msgspec.structs.replace(axis, **changes) for axis in BODY.action)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": ()}, "state: joint is gone"),
        ({"state": (*BODY.state, Quantity("wrist", "rad", -1.0, 1.0))}, "state: wrist is new"),
        ({"state": (Quantity("joint", "rad", -3.0, 2.0),)}, "state: joint has other values"),
        ({"action": _axes(high=9.0)}, "action: vx has other values"),
        ({"cameras": ()}, "cameras: main is gone"),
        ({"name": "rebuilt"}, "another name"),
        ({"control_hz": 100.0}, "another control hz"),
        ({"workspace": Workspace((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))}, "another workspace"),
        ({"version": 2}, "another version"),
    ],
)
def test_row_49_each_difference_is_named(changes: dict[str, Any], said: str) -> None:
    assert differences(BODY, msgspec.structs.replace(BODY, **changes)) == (said,)


def test_row_49_another_order_is_a_difference_and_the_same_is_none() -> None:
    two = msgspec.structs.replace(BODY, state=(*BODY.state, Quantity("wrist", "rad", -1.0, 1.0)))
    assert differences(two, msgspec.structs.replace(two, state=two.state[::-1])) == ("state: another order",)
    assert differences(two, decode_embodiment(msgspec.json.encode(two))) == ()


@pytest.mark.parametrize("name", ["", "a\0b", "a\u202eb", "a\nb", "x" * 65])
@pytest.mark.parametrize("field", ["state", "action", "cameras", "name", "unit"])
def test_row_11_names_in_a_description_can_be_shown_and_kept(name: str, field: str) -> None:
    if field in ("name", "unit") and not name:
        return  # a kind of robot, or a number without unit
    if field == "name":
        body = msgspec.structs.replace(BODY, name=name)
    elif field == "unit":
        body = msgspec.structs.replace(BODY, state=(Quantity("joint", name, -1.0, 1.0),))
    else:
        body = msgspec.structs.replace(BODY, **{field: (msgspec.structs.replace(getattr(BODY, field)[0], name=name),)})
    with pytest.raises(Refused) as refused:
        decode_embodiment(msgspec.json.encode(body))
    assert refused.value.code == "embodiment_invalid" and refused.value.sentence.endswith(".")
