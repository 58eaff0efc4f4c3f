"""Which bodies there are: name to the dotted path of the function that describes one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from protocol.errors import Refused
from robot.bodies.body import BodySpec

BODIES = {
    "simulated": "robot.bodies.simulated.describe",
    "replay": "robot.bodies.replay.describe",
    "camera": "robot.bodies.camera.describe",
}


def body_spec(name: str, config: Mapping[str, object], run_dir: Path) -> BodySpec:
    """The body `name` as `config` (the [body] table of robot.toml, without its name) asks for it.

    `run_dir` is an existing folder private to this robot: mailboxes and doors live there.
    Raises Refused("body_unknown" | "body_config").
    """
    if name not in BODIES:
        raise Refused("body_unknown", f"There is no body called {name!r}. Choose one of: {', '.join(sorted(BODIES))}.")
    module, _, function = BODIES[name].rpartition(".")
    spec: BodySpec = getattr(import_module(module), function)(config, run_dir)
    return spec
