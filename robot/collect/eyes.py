"""The cameras of a world in lock step: one picture of each whenever they are asked."""

from __future__ import annotations

from protocol.embodiment import Embodiment
from robot.media.encoder import to_i420
from robot.recorder.ticks import NewPicture
from robot.world.pictures import Pictures
from robot.world.variation import Variation
from robot.world.wire import SceneState
from robot.world.world import World


class Eyes:
    """`embodiment` may have other picture sizes than the world's own.  Make, use and close it in one thread."""

    def __init__(self, world: str, embodiment: Embodiment) -> None:
        self._pictures = {camera.name: Pictures(world, camera) for camera in embodiment.cameras}

    def look(self, world: World, scene: str, capture_ns: int) -> dict[str, NewPicture]:
        qpos, edits = world.look()
        state = SceneState(0, 0, scene, qpos, edits, [])
        return {name: NewPicture(to_i420(eye.draw(state)), capture_ns) for name, eye in self._pictures.items()}

    def vary(self, variation: Variation | None) -> None:
        """How the world looks from now on."""
        for eye in self._pictures.values():
            eye.vary(variation)

    def close(self) -> None:
        for eye in self._pictures.values():
            eye.close()
