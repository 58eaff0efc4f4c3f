"""What a robot's pilot may say on the socket where policies are asked, by how far it is known.

Types are taken from the protocol; a type that is not in the table fails.
"""

from __future__ import annotations

import msgspec
import pytest
from asgiref.sync import sync_to_async

from fleet.models import Robot
from policies.models import PolicyServer
from protocol import inference
from tests.fleet.conftest import Lab
from tests.fleet.rig import Socket, sign_in
from tests.policies.serving.pilot import Pilot, version

pytestmark = pytest.mark.django_db(transaction=True)

#: binary type -> who may say it
INFER = {"observed": ("robot",)}


def test_no_question_of_a_pilot_is_unlisted() -> None:
    assert {str(inference.FromPilot.__struct_config__.tag)} == set(INFER)


@pytest.mark.parametrize("who", ["stranger", "held", "robot", "admin"])
async def test_a_pilot_is_heard_as_the_table_says(lab: Lab, who: str) -> None:
    policy = await sync_to_async(version)(lab.organisation)
    pilot = Pilot(lab.robot, lab.key)
    if who == "admin":  # a person's cookie is worth nothing here
        pilot.wire = Socket("/ws/robot/infer/", await sign_in(lab.people["admin"])).wire
    if who == "held":
        await Robot.objects.filter(pk=lab.robot.pk).aupdate(held_reason="looked at")
    if who == "robot":
        await pilot.log_in()
    elif who == "held":
        await pilot.knock()
        assert (await pilot.hear("refused"))["code"] == "held"
        assert await pilot.closed() == 4401
        return
    else:
        await pilot.open()
    await pilot.ask(policy.pk)
    if who in INFER["observed"]:
        assert (await pilot.told()).n == 1
    else:
        assert await pilot.closed() == 4400
    assert await PolicyServer.objects.acount() == (who in INFER["observed"])


async def test_an_unknown_type_is_refused_and_another_organisations_policy_is_not_there(lab: Lab) -> None:
    policy = await sync_to_async(version)(lab.foreign.site.organisation)
    pilot = Pilot(lab.robot, lab.key)
    await pilot.log_in()
    await pilot.wire.send_to(bytes_data=msgspec.msgpack.encode({"type": "chunk", "v": 1, "n": 1}))
    said = await pilot.told()
    assert isinstance(said, inference.Trouble) and said.code == "inference_message"
    await pilot.ask(policy.pk)
    said = await pilot.told()
    assert isinstance(said, inference.Trouble) and said.code == "policy_missing"
    assert not await PolicyServer.objects.aexists()
