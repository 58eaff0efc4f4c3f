"""What crosses the pilot's door to the link: a run's orders in, its reports out, as the server says and hears them."""

from __future__ import annotations

from collections.abc import Callable

from protocol.runs import RunEnd, RunNoted, RunOrder, RunReport, RunResume
from robot.door import decoder

ToPilot = RunOrder | RunResume | RunEnd | RunNoted

decode_to_pilot: Callable[[bytes], ToPilot] = decoder(ToPilot, "to the pilot")
decode_from_pilot: Callable[[bytes], RunReport] = decoder(RunReport, "of the pilot")
