"""The kernel's process: opens what the launcher made, then ticks on an absolute schedule until told to end.

`python -m robot.kernel.process RUN_DIR --epoch N --door link=FD --door launcher=FD [--door pilot=FD]`
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from robot import state
from robot.door import Door
from robot.kernel.kernel import Kernel, Outlets
from robot.kernel.latch import Latch
from robot.kernel.permits import ServerKey
from robot.layout import Place, open_place
from robot.mailbox import Mailbox
from robot.rings import Ring

PRIORITY = 20  # of SCHED_FIFO, where the system lets us


def build(place: Place, now_s: float) -> Kernel:
    """Authority in SAFE_HOLD (or ESTOP where it was latched), nothing moved yet."""
    outlets = Outlets(Mailbox.open(place.status), Ring.open(place.rows), Ring.open(place.events))
    doors = {name: Door(end) for name, end in place.doors.items()}
    return Kernel(
        place.spec().open_body(), ServerKey(place.setup.server_key, place.setup.robot), doors, outlets,
        Latch(place.latch), epoch=place.epoch, remote_motion=state.remote_motion(place.state_dir), now_s=now_s,
        utc_ns=time.time_ns,
    )  # fmt: skip


def run(kernel: Kernel, ending: Callable[[], bool]) -> None:
    """Ticks at `kernel.dt_s`; a tick that was slept through is left out and counted, never made up for."""
    due_s = time.monotonic()
    next_sweep_s = due_s
    while not ending():
        now_s = time.monotonic()
        kernel.timing.add(now_s - due_s)
        kernel.tick(now_s, time.monotonic)
        if now_s >= next_sweep_s:  # by hand, after the body was told, where it delays nothing
            gc.collect()
            next_sweep_s = now_s + 1.0
        due_s += kernel.dt_s
        late = int((time.monotonic() - due_s) / kernel.dt_s)
        if late > 0:
            kernel.timing.missed += late
            due_s += late * kernel.dt_s
        time.sleep(max(0.0, due_s - time.monotonic()))
    kernel.standstill()


def prefer_this_process() -> None:
    """Real-time priority where the system lets us, else a better nice value, else nothing."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        with contextlib.suppress(OSError):
            os.nice(-10)


def main(argv: Sequence[str]) -> None:
    ended = False

    def end(_signal: int, _frame: object) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher decides
    kernel = build(open_place(argv), time.monotonic())
    prefer_this_process()
    gc.collect()
    gc.freeze()
    gc.disable()
    run(kernel, lambda: ended)


if __name__ == "__main__":
    main(sys.argv[1:])
