"""The scripted experts of the metaworld package, one a task, and the sentence that asks for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.world.embodiments import METAWORLD_SPEED_M_S

_MOST = 1 - 1e-6  # so that full speed is within the limit as float32 too

SENTENCES = {
    "assembly-v3": "Put the ring over the peg",
    "basketball-v3": "Put the ball into the basket",
    "bin-picking-v3": "Move the block from one bin to the other",
    "box-close-v3": "Put the lid on the box",
    "button-press-topdown-v3": "Press the button from above",
    "button-press-topdown-wall-v3": "Press the button from above, over the wall",
    "button-press-v3": "Press the button",
    "button-press-wall-v3": "Press the button behind the wall",
    "coffee-button-v3": "Press the button of the coffee machine",
    "coffee-pull-v3": "Pull the mug away from the coffee machine",
    "coffee-push-v3": "Push the mug under the coffee machine",
    "dial-turn-v3": "Turn the dial",
    "disassemble-v3": "Take the ring off the peg",
    "door-close-v3": "Close the door",
    "door-lock-v3": "Lock the door",
    "door-open-v3": "Open the door",
    "door-unlock-v3": "Unlock the door",
    "drawer-close-v3": "Close the drawer",
    "drawer-open-v3": "Open the drawer",
    "faucet-close-v3": "Close the faucet",
    "faucet-open-v3": "Open the faucet",
    "hammer-v3": "Drive the nail in with the hammer",
    "hand-insert-v3": "Put the hand into the hole",
    "handle-press-side-v3": "Press the handle down from the side",
    "handle-press-v3": "Press the handle down",
    "handle-pull-side-v3": "Pull the handle up from the side",
    "handle-pull-v3": "Pull the handle up",
    "lever-pull-v3": "Pull the lever up",
    "peg-insert-side-v3": "Insert the peg from the side",
    "peg-unplug-side-v3": "Pull the peg out to the side",
    "pick-out-of-hole-v3": "Take the puck out of the hole",
    "pick-place-v3": "Pick up the puck and bring it to the goal",
    "pick-place-wall-v3": "Bring the puck over the wall to the goal",
    "plate-slide-back-side-v3": "Slide the plate out of the goal to the side",
    "plate-slide-back-v3": "Slide the plate back out of the goal",
    "plate-slide-side-v3": "Slide the plate into the goal from the side",
    "plate-slide-v3": "Slide the plate into the goal",
    "push-back-v3": "Push the puck back to the goal",
    "push-v3": "Push the puck to the goal",
    "push-wall-v3": "Push the puck around the wall to the goal",
    "reach-v3": "Reach the goal",
    "reach-wall-v3": "Reach the goal behind the wall",
    "shelf-place-v3": "Put the block on the shelf",
    "soccer-v3": "Push the ball into the goal",
    "stick-pull-v3": "Pull the box with the stick",
    "stick-push-v3": "Push the box with the stick",
    "sweep-into-v3": "Sweep the puck into the hole",
    "sweep-v3": "Sweep the puck off the table",
    "window-close-v3": "Close the window",
    "window-open-v3": "Open the window",
}


def metaworld_expert(task: str) -> Any:
    """The package's expert; `Refused("task_unknown")` names those there are."""
    from metaworld.policies import ENV_POLICY_MAP

    if task not in ENV_POLICY_MAP:
        known = ", ".join(sorted(ENV_POLICY_MAP))
        raise Refused("task_unknown", f"There is no task {task!r} in metaworld. Choose one of: {known}.")
    made: Any = ENV_POLICY_MAP[task]
    return made()


def metaworld_action(expert: Any, observation: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[4] as the Embodiment says it, from the package's -1 to 1: metres a second and how closed the gripper is."""
    asked = np.clip(np.asarray(expert.get_action(observation), dtype=np.float64), -_MOST, _MOST)
    return np.array([*asked[:3] * METAWORLD_SPEED_M_S, (asked[3] + _MOST) / 2.0])
