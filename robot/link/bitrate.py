"""How many bits a second each camera may use: from what the viewers' browsers report.  Pure; times are passed in.

One encoder serves all viewers of a camera.  The person who drives decides; while nobody drives, the viewer with the
worst link does, as long as that link carries a picture at all.
"""

from __future__ import annotations

from dataclasses import dataclass

START_BIT_S = 1_500_000
MAX_CAMERA_BIT_S = 1_500_000
MIN_CAMERA_BIT_S = 60_000
USELESS_BIT_S = 250_000  # a spectator below this does not pull the others down
_ESTIMATE_MAX = 20_000_000
_FALL = 0.97  # a browser's estimate below this share of the one before says that the link is full
_QUEUE_S = 0.15  # round trip above its minimum by this: something on the way is filling up
_BACK_OFF_S = 0.5
_UP_S = 2.0
_DEAD_BAND = 0.15
_SHARE_OF_LINK = 0.85  # the rest is for retransmissions, commands and telemetry: these come first


@dataclass(frozen=True, slots=True)
class Plan:
    """What the encoder of one camera shall do; see robot.media.door.Rate."""

    camera: str
    bit_s: int
    every: int = 1
    half: bool = False


class LinkEstimate:
    """What one viewer's link carries, bit/s: loss-based as in draft-ietf-rmcat-gcc-02 section 6, lowered by REMB.

    A browser begins with a guess and raises it no further than 1.5 times what it receives (section 5.5 there), so a
    scene at rest would keep it, and the picture, small for ever: only an estimate that falls tells of the link.
    """

    def __init__(self) -> None:
        self._bit_s = float(START_BIT_S * 2)
        self._remb: float | None = None
        self._least_rtt_s: float | None = None
        self._backed_off_s = float("-inf")

    def on_remb(self, bit_s: float, now_s: float) -> None:
        if self._remb is not None and bit_s < self._remb * _FALL:
            self._bit_s = max(min(self._bit_s, bit_s), MIN_CAMERA_BIT_S)
            self._backed_off_s = now_s
        self._remb = bit_s

    def on_report(self, lost: float, rtt_s: float | None, now_s: float) -> None:
        """`lost` 0..1 since the report before; `rtt_s` None while unknown."""
        if rtt_s is not None and rtt_s > 0:
            self._least_rtt_s = rtt_s if self._least_rtt_s is None else min(self._least_rtt_s, rtt_s)
            if rtt_s - self._least_rtt_s > _QUEUE_S:
                self._back_off(0.8, now_s)
                return
        if lost > 0.10:
            self._back_off(1 - 0.5 * lost, now_s)
        elif lost < 0.02:
            self._bit_s = min(self._bit_s * 1.05, _ESTIMATE_MAX)

    @property
    def bit_s(self) -> float:
        return self._bit_s

    def _back_off(self, factor: float, now_s: float) -> None:
        if now_s - self._backed_off_s >= _BACK_OFF_S:
            self._bit_s = max(self._bit_s * factor, MIN_CAMERA_BIT_S)
            self._backed_off_s = now_s


def budget(estimates: dict[str, float], driver: str | None) -> float | None:
    """Bit/s for all cameras together, from the estimate of each viewer; None while nobody watches."""
    if not estimates:
        return None
    if driver in estimates:
        return estimates[driver] * _SHARE_OF_LINK
    useful = [bit_s for bit_s in estimates.values() if bit_s >= USELESS_BIT_S]
    return min(useful or [max(estimates.values())]) * _SHARE_OF_LINK


def divide(bit_s: float, main: str, cameras: tuple[str, ...]) -> tuple[Plan, ...]:
    """The main camera gets twice the share of another one.  Too few bits: first fewer pictures, then smaller ones."""
    weights = {camera: 2.0 if camera == main else 1.0 for camera in cameras}
    whole = sum(weights.values())
    return tuple(_plan(camera, bit_s * weight / whole) for camera, weight in weights.items())


def _plan(camera: str, bit_s: float) -> Plan:
    bits = int(min(max(bit_s, MIN_CAMERA_BIT_S), MAX_CAMERA_BIT_S))
    if bits >= 400_000:
        return Plan(camera, bits)
    if bits >= 250_000:
        return Plan(camera, bits, every=2)
    if bits >= 120_000:
        return Plan(camera, bits, every=2, half=True)
    return Plan(camera, bits, every=4, half=True)


class RateControl:
    """Remembers what the encoders were told and tells again only what changed enough: down at once, up after 2 s."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[Plan, float]] = {}

    def forget(self) -> None:
        """The encoders started anew and know nothing."""
        self._told.clear()

    def changes(self, wanted: tuple[Plan, ...], now_s: float) -> tuple[Plan, ...]:
        """The plans to tell now."""
        changed = tuple(plan for plan in wanted if self._differs(plan, now_s))
        for plan in changed:
            self._told[plan.camera] = (plan, now_s)
        return changed

    def _differs(self, plan: Plan, now_s: float) -> bool:
        told = self._told.get(plan.camera)
        if told is None:
            return True
        before, since_s = told
        if plan.bit_s < before.bit_s * (1 - _DEAD_BAND):
            return True
        grown = plan.bit_s > before.bit_s * (1 + _DEAD_BAND) or (plan.bit_s > before.bit_s and plan.bit_s == MAX_CAMERA_BIT_S)
        return grown and now_s - since_s >= _UP_S
