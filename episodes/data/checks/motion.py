"""How the robot moved, from its state alone: which numbers are places, how far they may go in a second, what stood still."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.recording import Recording, Span, runs
from protocol.embodiment import Embodiment, Quantity

_PLACES = ("m", "mm", "cm", "rad", "deg", "1", "")  # units of places; rates, forces and torques have others
UNKNOWN = "unknown"  # unit of numbers of which only the name came along
_FINGERS = ("grip", "finger", "jaw")
_RANGE_S = 0.5  # where nobody says how fast: the whole range takes at least so long
_STILL = 0.1  # full-speed rows: less than that within STILL_S is standing still
STILL_S = 0.2
_ASKS = 0.02  # of an axis' range


def is_place(quantity: Quantity) -> bool:
    """Says where something is; others say how fast or how strongly."""
    return quantity.unit in (*_PLACES, UNKNOWN)


def places(embodiment: Embodiment, arm_only: bool = False) -> list[int]:
    """The numbers of the state that say where something is; `arm_only` leaves out fingers, which few cameras see well."""
    found = [number for number, quantity in enumerate(embodiment.state) if quantity.unit in _PLACES]
    if not found:  # a recording of others without units: most of them hold joints
        found = [number for number, quantity in enumerate(embodiment.state) if quantity.unit == UNKNOWN]
    if arm_only:
        found = [number for number in found if not any(word in embodiment.state[number].name for word in _FINGERS)]
    return found


def is_turn(quantity: Quantity) -> bool:
    """An angle that goes all the way round, so that a turn may show as a step of 2 pi."""
    return quantity.unit == "rad" and quantity.high - quantity.low >= 2 * np.pi - 0.01


def speed_limit(embodiment: Embodiment, number: int) -> float:
    """Most that number `number` of the state can change in a second: as it is said, else the range in half a second."""
    quantity = embodiment.state[number]
    said = said_speed_limit(embodiment, number)
    return (quantity.high - quantity.low) / _RANGE_S if said is None else said


def said_speed_limit(embodiment: Embodiment, number: int) -> float | None:
    """From the Embodiment: the quantity that is its rate (`dq1` for `q1`), the axis that drives it (`vx` for `tool_x`,
    `wx` for `tool_rx`, the gripper's slew for `gripper`); None where it says nothing."""
    quantity = embodiment.state[number]
    said = [q.high for q in embodiment.state if q.unit.endswith("/s") and q.name in (f"d{quantity.name}", f"{quantity.name}_vel")]
    stem, _, tail = quantity.name.rpartition("_")
    wanted = {f"v{tail}", f"w{tail[1:]}"} if stem and tail in ("x", "y", "z", "rx", "ry", "rz") else set()
    for axis in embodiment.action:
        if axis.is_rate and axis.name in wanted and axis.unit.removesuffix("/s") == quantity.unit:
            said.append(max(abs(axis.low), abs(axis.high)))
        if not axis.is_rate and axis.name == quantity.name:
            said.append(axis.slew)
    return max(said) if said else None


def steps(recording: Recording, numbers: list[int] | None = None) -> tuple[NDArray[np.float64], list[int]]:
    """([N-1, P] signed change of every place from row to row, in rows at full speed; which numbers of the state).

    Angles that go round are taken the short way.
    """
    numbers = places(recording.embodiment) if numbers is None else numbers
    with np.errstate(invalid="ignore"):  # between infinite numbers there is none, which `values.numbers` says
        change = np.diff(recording.state[:, numbers], axis=0)
        for column, number in enumerate(numbers):
            if is_turn(recording.embodiment.state[number]):
                change[:, column] = np.remainder(change[:, column] + np.pi, 2 * np.pi) - np.pi
    limits = np.array([speed_limit(recording.embodiment, number) for number in numbers])
    return change / (limits * recording.period_s), numbers


def route(recording: Recording, numbers: list[int] | None = None) -> NDArray[np.float64]:
    """[N, P] where the robot was, in rows at full speed from its first place; holes in the data stand still."""
    change, numbers = steps(recording, numbers)
    moved = np.cumsum(np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0), axis=0)
    return np.vstack([np.zeros(len(numbers)), moved])


def travelled(way: NDArray[np.float64], first: int, last: int) -> float:
    """Farthest that any place got from where it was at `first`, up to `last`; in rows at full speed."""
    if not way.shape[1]:
        return 0.0
    return float(np.abs(way[first : last + 1] - way[first]).max())


def standing(recording: Recording) -> NDArray[np.bool_]:
    """[N] True where nothing moved or was asked to: neither a person nor a policy would miss these rows."""
    way, rows = route(recording), recording.rows
    near = recording.rows_in(STILL_S)
    still = np.ones(rows, bool)
    for offset in range(1, near + 1):
        if offset < rows and way.shape[1]:
            moved = np.abs(way[offset:] - way[:-offset]).max(axis=1) > _STILL
            still[:-offset] &= ~moved
    return still & ~_asked(recording)


def _asked(recording: Recording) -> NDArray[np.bool_]:
    asked = np.zeros(recording.rows, bool)
    done = np.nan_to_num(recording.done)
    for number, axis in enumerate(recording.embodiment.action):
        wide = axis.high - axis.low
        if axis.is_rate:
            asked |= np.abs(done[:, number]) > _ASKS * wide
        else:
            asked[1:] |= np.abs(np.diff(done[:, number])) > _ASKS * wide
    return asked


def pauses(recording: Recording) -> list[Span]:
    """Every stretch in which it stood."""
    return runs(standing(recording))
