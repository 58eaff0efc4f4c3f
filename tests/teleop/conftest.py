"""The people, robots and sockets of the fleet's tests."""

from tests.fleet.conftest import forgetful, hung_up, lab

__all__ = ["forgetful", "hung_up", "lab"]
