"""Numbers in messages fit the machines and databases that read them."""

from __future__ import annotations

import pytest

from protocol import robot_link, wire
from protocol.errors import Refused

LOG = '{"v":1,"type":"log","entries":[{"n":%d,"time_ns":%d,"event":"x","epoch":%d}]}'


@pytest.mark.parametrize(
    ("numbers", "field"),
    [((2**63, 1, 1), "n"), ((-1, 1, 1), "n"), ((1, 10**30, 1), "time_ns"), ((1, 1, 2**32), "epoch")],
)
def test_a_log_entry_that_no_database_can_hold_is_refused(numbers: tuple[int, int, int], field: str) -> None:
    with pytest.raises(Refused) as refused:
        wire.decode(LOG % numbers, robot_link.FromRobot)
    assert refused.value.code == f"invalid_field:entries[0].{field}"


def test_the_largest_numbers_of_a_log_entry_are_read() -> None:
    log = wire.decode(LOG % (2**63 - 1, 2**63 - 1, 2**32 - 1), robot_link.FromRobot)
    assert log.entries[0].n == 2**63 - 1
