"""CPU use between two looks, and the processes it is taken from."""

from __future__ import annotations

import os
import time

from robot.vitals import CpuMeter, Vitals, cpu_s, decode, encode


def test_cpu_is_per_cent_of_a_core_between_two_looks() -> None:
    meter = CpuMeter()
    assert meter.look(10.0, 3.0) is None
    assert meter.look(12.0, 4.0) == 50.0
    assert meter.look(12.0, 5.0) is None  # no time has passed
    assert meter.look(13.0, 1.0) is None  # a process has gone and took its time with it
    assert meter.look(14.0, 3.0) == 200.0


def test_the_time_of_processes_is_read_and_the_dead_count_nothing() -> None:
    began_s = time.process_time()
    while time.process_time() - began_s < 0.1:
        pass
    own = cpu_s([os.getpid()])
    assert own >= 0.1
    assert cpu_s([os.getpid(), 1 << 22 | 1]) - own < 0.1


def test_vitals_travel_whole() -> None:
    vitals = Vitals(12.5, {"media": 2})
    assert decode(encode(vitals)) == vitals
