"""Meta-World's tasks as the world: its scripted experts succeed through our action, resets repeat, pictures show."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from metaworld.policies import ENV_POLICY_MAP

from protocol.errors import Refused
from robot.world import wire
from robot.world.embodiments import METAWORLD, METAWORLD_SPEED_M_S
from robot.world.metaworld_world import MetaWorld
from robot.world.pictures import Pictures

# An expert of the package asks for more than full speed and is told so each time.
pytestmark = pytest.mark.filterwarnings("ignore:Constant")


@pytest.fixture(scope="module")
def world() -> MetaWorld:
    return MetaWorld()


def test_all_fifty_tasks_are_scenes(world: MetaWorld) -> None:
    assert len(world.scenes) == 50
    assert set(world.scenes) == set(ENV_POLICY_MAP)


@pytest.mark.parametrize("task", ["reach-v3", "pick-place-v3", "drawer-open-v3", "button-press-v3"])
def test_the_scripted_expert_succeeds_through_our_action(world: MetaWorld, task: str) -> None:
    world.reset(3, task)
    assert not world.success
    expert = ENV_POLICY_MAP[task]()
    for _ in range(300):
        asked = np.clip(expert.get_action(world.observation), -1, 1)
        world.drive(np.array([*asked[:3] * METAWORLD_SPEED_M_S, (asked[3] + 1) / 2], dtype=np.float32))
        world.advance()
        if world.success:
            break
    assert world.success


def test_standing_still_does_not_succeed_and_comes_to_rest(world: MetaWorld) -> None:
    world.reset(3, "reach-v3")
    start = world.sense().state
    world.drive(None)
    for _ in range(300):
        world.advance()
    assert world.resting() and not world.success
    assert world.sense().state[:3] == pytest.approx(start[:3], abs=0.01)


def test_one_seed_and_one_drive_give_the_same_bits(world: MetaWorld) -> None:
    ends = []
    for seed in (5, 6, 5):
        world.reset(seed, "pick-place-v3")
        world.drive(np.array([0.2, 0.1, -0.3, 1.0], dtype=np.float32))
        for _ in range(40):
            world.advance()
        ends.append(world.look()[0] + world.observation.tobytes())
    assert ends[0] == ends[2] != ends[1]


def test_the_four_numbers_are_metres_a_second_and_a_grip(world: MetaWorld) -> None:
    world.reset(1, "reach-v3")
    before = world.sense()
    world.drive(np.array([0.0, 0.2, 0.0, 1.0], dtype=np.float32))
    for _ in range(40):
        world.advance()
    after = world.sense()
    assert (after.state[1] - before.state[1]) / (40 * world.tick_s) == pytest.approx(0.2, rel=0.25)
    assert after.state[3] > before.state[3]
    assert after.state.shape == (len(METAWORLD.state),)


def test_an_unknown_task_is_refused(world: MetaWorld) -> None:
    with pytest.raises(Refused) as refused:
        world.reset(0, "juggle-v3")
    assert refused.value.code == "scene_unknown"


def test_the_goal_of_each_seed_is_in_the_picture(world: MetaWorld) -> None:
    camera = METAWORLD.cameras[0]
    pictures = Pictures("metaworld", camera)
    seen = []
    for seed in (1, 2):
        world.reset(seed, "reach-v3")
        qpos, edits = world.look()
        look = wire.SceneState(1, seed, "reach-v3", qpos, edits, world.objects())
        assert len(msgspec.msgpack.encode(look)) < wire.SCENE_BYTES
        image = pictures.draw(look).astype(int)
        seen.append(np.argwhere((image[:, :, 0] > 150) & (image[:, :, 1] < 90) & (image[:, :, 2] < 90)).size)
        goal = np.linalg.inv(np.array(camera.T_mount)) @ np.array([*world.observation[36:39], 1.0])
        u, v, w = np.array(camera.K) @ goal[:3]
        u, v = round(u / w), round(v / w)
        spot = image[v - 2 : v + 3, u - 2 : u + 3].mean(axis=(0, 1))
        assert spot.max() > 2.5 * spot.min() + 10, f"no coloured goal at {u}, {v}: {spot}"
    pictures.close()
