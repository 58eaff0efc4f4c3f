"""Which robot a run is of, without asking the database each time: that never changes."""

from __future__ import annotations

from collections import OrderedDict

from dispatch.models import Run

KEPT = 1000
_robots: OrderedDict[str, str] = OrderedDict()


async def robot_of(run: str) -> str:
    """Its id; "" when there is no such run."""
    if run not in _robots:
        robot = await Run.objects.filter(pk=run).values_list("robot", flat=True).afirst()
        if robot is None:
            return ""
        _robots[run] = robot
        while len(_robots) > KEPT:
            _robots.popitem(last=False)
    return _robots[run]
