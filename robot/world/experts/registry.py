"""Which tasks of the tabletop have a scripted expert: name to the dotted path of its `Task`."""

from __future__ import annotations

from importlib import import_module

from protocol.errors import Refused
from robot.world.experts.task import Task

TASKS = {
    "lift": "robot.world.experts.lift.TASK",
    "place": "robot.world.experts.place.TASK",
    "push": "robot.world.experts.push.TASK",
    "reach": "robot.world.experts.reach.TASK",
}


def table_task(name: str) -> Task:
    """`Refused("task_unknown")` names those there are."""
    if name not in TASKS:
        raise Refused("task_unknown", f"There is no task {name!r} at the tabletop. Choose one of: {', '.join(sorted(TASKS))}.")
    module, _, constant = TASKS[name].rpartition(".")
    task: Task = getattr(import_module(module), constant)
    return task
