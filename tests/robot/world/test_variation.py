"""Varied scenes: repeatable from the seed, complete in their description, gone without a trace when they end."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from robot.collect.size import resized
from robot.world.embodiments import TABLETOP
from robot.world.pictures import Pictures
from robot.world.tabletop import Tabletop
from robot.world.tabletop_scene import tabletop_model
from robot.world.variation import Variable, Variation, draw_variation
from robot.world.wire import SceneState

SMALL = resized(TABLETOP, 96, 72)


MODEL = tabletop_model(TABLETOP)


def drawn(seed: int) -> Variation:
    return draw_variation(MODEL, TABLETOP.cameras, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def pictures() -> Iterator[Pictures]:
    made = Pictures("tabletop", SMALL.camera("scene"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def seen(pictures: Pictures) -> SceneState:
    table = Tabletop()
    table.reset(3, "cubes")
    return SceneState(1, 3, "cubes", *table.look(), [])


def picture(pictures: Pictures, seen: SceneState, variation: Variation | None) -> NDArray[np.int64]:
    pictures.vary(variation)
    return pictures.draw(seen).astype(np.int64)


def test_one_seed_gives_one_variation() -> None:
    assert drawn(1) == drawn(1) != drawn(2)


def test_what_was_recorded_is_the_whole_variation() -> None:
    kept = msgspec.json.decode(msgspec.json.encode(drawn(1)), type=Variation)
    assert kept == drawn(1)
    assert {"red cube", "green cylinder"} <= set(kept.things) and {"table", "mat", "wall"} <= set(kept.surfaces)
    assert set(kept.cameras) == {"scene", "wrist"}


def test_a_variation_is_seen_and_taken_back(pictures: Pictures, seen: SceneState) -> None:
    plain = picture(pictures, seen, None)
    varied = picture(pictures, seen, drawn(1))
    assert np.abs(varied - plain).mean() > 5
    assert np.abs(picture(pictures, seen, drawn(2)) - varied).mean() > 5
    assert (picture(pictures, seen, None) == plain).all()


@pytest.mark.parametrize("change", ["things", "surfaces", "lamp", "ambient", "cameras"])
def test_each_kind_of_change_shows_by_itself(pictures: Pictures, seen: SceneState, change: str) -> None:
    plain = Variation({}, {}, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), 1.0, {}, 1.0)
    only = msgspec.structs.replace(plain, **{change: getattr(drawn(1), change)})
    assert np.abs(picture(pictures, seen, only) - picture(pictures, seen, None)).mean() > 0.02


def test_colours_keep_their_names() -> None:
    for seed in range(50):
        things = drawn(seed).things
        assert np.argmax(things["red cube"]) == 0 and max(things["red cube"][1:]) < 0.5 * things["red cube"][0]
        assert np.argmax(things["blue cube"]) == 2 and np.argmax(things["green cylinder"]) == 1
        red, green, blue = things["yellow cube"]
        assert min(red, green) > 1.5 * blue


def test_friction_is_scaled_and_put_back() -> None:
    before = MODEL.geom_friction.copy()
    variable = Variable(MODEL)
    variation = drawn(1)
    variable.vary(variation)
    variable.vary(variation)
    assert MODEL.geom_friction[:, 0] == pytest.approx(before[:, 0] * variation.friction)
    variable.vary(None)
    assert (MODEL.geom_friction == before).all()
