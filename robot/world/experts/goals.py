"""What is to be so at the end, by a skill's name and the thing it is about: who judges it needs no expert.  Pure."""

from __future__ import annotations

from collections.abc import Callable

from protocol.errors import Refused
from robot.world.experts import lift, place, push, reach
from robot.world.experts.task import Assignment, Task, Truth, loose, place_of

_SKILLS: dict[str, tuple[Task, float]] = {
    "reach": (reach.TASK, 0.0),
    "lift": (lift.TASK, 0.0),
    "place": (place.TASK, 0.0),
    "push left": (push.TASK, 1.0),
    "push right": (push.TASK, -1.0),
}


def goal_of(skill: str, target: str, truth: Truth) -> Callable[[Truth], bool]:
    """Whether it is done, for any later truth; measured from where things are in this one.  `Refused("goal_unknown")`."""
    task, way = _SKILLS.get(skill.replace("_", " "), (None, 0.0))
    if task is None:
        raise Refused("goal_unknown", f"Nobody can judge {skill!r} here. It can be one of: {', '.join(_SKILLS)}.")
    if target not in loose(truth):
        raise Refused("goal_unknown", f"There is no {target!r} on the table to be moved: {', '.join(loose(truth)) or 'nothing'}.")
    x, y, z = start = place_of(truth, target)
    goal = {"lift": (x, y, z + lift.HEIGHT_M), "reach": (x, y, z + reach.ABOVE_M), "push": (x, y + way * push.DISTANCE_M, z)}
    if task.name == "place":
        a, b, _ = place_of(truth, "tray")
        goal["place"] = (a, b, place.RELEASE_M)
    given = Assignment("", target, start, goal[task.name])
    return lambda now: task.done(now, given)
