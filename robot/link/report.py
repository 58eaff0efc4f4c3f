"""What the robot says about itself, put together from what its processes say.  Pure; times are passed in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.embodiment import Embodiment
from protocol.state import CameraState, Health, LeaseState, RecordingState, RobotState
from robot.kernel.door import Status
from robot.media import door as media_door
from robot.vitals import Vitals

KERNEL_SILENT_S = 0.5  # ten times the longest a live kernel is ever silent
MEDIA_SILENT_S = 2.0
_IDLE = RecordingState(state="idle")


@dataclass(slots=True)
class Known:
    """The newest word of each process, and when it came (monotonic seconds)."""

    status: Status | None = None
    cameras: media_door.Cameras | None = None
    cameras_s: float = float("-inf")
    recording: RecordingState = _IDLE
    rows_lost: int = 0
    disk_free_mb: float | None = None
    vitals: Vitals | None = None
    held: str = ""
    notes: tuple[str, ...] = ()


def robot_state(known: Known, embodiment: Embodiment, watchers: int, now_s: float, time_ns: int) -> RobotState:
    """A kernel that is silent moves nothing (the body's watchdog), so then the mode is a hold, or the latched stop."""
    status = known.status
    cameras, health = _cameras(known, embodiment, now_s), _health(known)
    if status is None or now_s - status.mono_s > KERNEL_SILENT_S:
        stops = () if status is None else status.stops
        return RobotState(
            mode="ESTOP" if stops else "SAFE_HOLD", reason="KERNEL_AWAY", stops=stops, cameras=cameras,
            since_s=0.0 if status is None else now_s - status.mono_s,
            remote_motion=status is None or status.remote_motion,
            recording=known.recording, health=health, watchers=watchers, time_ns=time_ns, masks=_masks(known, now_s),
        )  # fmt: skip
    return RobotState(
        mode=status.mode, reason=status.reason, actor=status.actor, since_s=now_s - status.since_mono_s,
        lease=_lease(status, now_s), stops=status.stops, remote_motion=status.remote_motion, nonce=status.nonce,
        permitted=status.permitted, control_latency_ms=_finite(status.control_latency_ms), cameras=cameras,
        recording=known.recording, health=health, watchers=watchers, time_ns=time_ns, state=_numbers(status.state),
        torque=_numbers(status.torque), masks=_masks(known, now_s),
    )  # fmt: skip


def _lease(status: Status, now_s: float) -> LeaseState | None:
    holder = status.lease
    if holder is None:
        return None
    return LeaseState(
        epoch=holder.epoch, seq=holder.seq, kind=holder.kind, person=holder.person, name=holder.name,
        fingerprint=holder.fingerprint, held_s=now_s - holder.since_mono_s,
    )  # fmt: skip


def _cameras(known: Known, embodiment: Embodiment, now_s: float) -> tuple[CameraState, ...]:
    """In the order of the Embodiment; nothing is claimed of a media process that is silent."""
    fresh = known.cameras is not None and now_s - known.cameras_s <= MEDIA_SILENT_S
    told = {camera.camera: camera for camera in known.cameras.cameras} if known.cameras and fresh else {}
    states = []
    for camera in embodiment.cameras:
        health = told.get(camera.name)
        newest_s = health.newest_mono_s if health else None
        states.append(
            CameraState(
                name=camera.name, width=camera.width, height=camera.height, fps=health.fps if health else 0.0,
                age_ms=None if newest_s is None else 1e3 * (now_s - newest_s), live=bool(health and health.live),
                masked=bool(health and health.masked),
            )
        )  # fmt: skip
    return tuple(states)


def _masks(known: Known, now_s: float) -> int:
    fresh = known.cameras is not None and now_s - known.cameras_s <= MEDIA_SILENT_S
    return known.cameras.masks if known.cameras is not None and fresh else 0


def _health(known: Known) -> Health:
    status, vitals = known.status, known.vitals
    cameras = known.cameras.cameras if known.cameras else ()
    notes = [known.held, *known.notes, *(f"Camera {c.camera}: {c.sentence}" for c in cameras if c.sentence)]
    return Health(
        loop_p99_ms=None if status is None else _finite(status.loop_p99_ms),
        missed_ticks=0 if status is None else status.missed_ticks,
        rows_lost=known.rows_lost,
        disk_free_mb=known.disk_free_mb,
        cpu_pct=None if vitals is None else vitals.cpu_pct,
        restarts={} if vitals is None else vitals.restarts,
        notes=tuple(note for note in notes if note),
    )


def _finite(number: float | None) -> float | None:
    """JSON has no NaN."""
    return number if number is not None and math.isfinite(number) else None


def _numbers(values: Sequence[float]) -> tuple[float, ...]:
    """Rounded to what a reader can use: a report is sent to everybody who looks at the fleet."""
    return tuple(round(v, 5) if math.isfinite(v) else 0.0 for v in values)
