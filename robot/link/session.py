"""All sessions of a robot: who is connected, which cameras they need, and how pictures and answers reach them.

The link process feeds it (`offer`, `on_kernel_event`, `on_media_packet`, `set_status`, `set_state`) and calls `tick` 20
times a second, or runs `run()`.  What one page and the robot say to each other: conversation.py.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from protocol import permit, robot_link
from protocol.embodiment import Embodiment
from protocol.errors import Refused
from protocol.state import RobotState
from robot.kernel import door
from robot.link import rtc
from robot.link.bitrate import RateControl, budget, divide
from robot.link.conversation import Conversation
from robot.link.frame_table import FrameTable
from robot.link.outlets import Outlets, PeerEvents, Robot
from robot.link.sdp import Offered, checked_offer
from robot.link.stages import StageMeter
from robot.media import door as media_door

log = logging.getLogger(__name__)

MAX_SESSIONS = 64
TICK_S = 0.05
_KEY_FRAME_S = {True: 0.2, False: 1.0}  # at most so often for who drives, and for spectators
_RATE_TICKS = 10


class _Session(Conversation):
    """A conversation with its real peer; connection events end up with `Sessions`."""

    rtc_peer: rtc.Peer
    owner: Sessions

    def on_key_frame(self, camera: str) -> None:
        self.owner.want_key_frame(camera, self.drives)

    def on_remb(self, bit_s: float) -> None:
        self.link.on_remb(bit_s, self._clock())

    def on_report(self, lost: float, rtt_s: float | None) -> None:
        self.link.on_report(lost, rtt_s, self._clock())

    def on_closed(self, reason: str) -> None:
        self.owner.end(self.session, reason)


class Sessions:
    """`sign` signs bytes with the robot's key; `clock` gives monotonic seconds."""

    def __init__(
        self,
        robot: str,
        embodiment: Embodiment,
        outlets: Outlets,
        sign: Callable[[bytes], bytes],
        clock: Callable[[], float] = time.monotonic,
        connect: Callable[[Sequence[dict[str, Any]], PeerEvents], rtc.Peer] = rtc.Peer,
    ) -> None:
        self._cameras = tuple(camera.name for camera in embodiment.cameras)
        self._robot = Robot(robot, msgspec.json.encode(embodiment).decode())
        self._robot.frames = {camera: FrameTable() for camera in self._cameras}
        self._outlets, self._sign, self._clock, self._connect = outlets, sign, clock, connect
        self._live: dict[str, _Session] = {}
        self._answering: dict[str, str] = {}  # session: fingerprint, while its answer is made
        self._meters = {camera: StageMeter(camera) for camera in self._cameras}
        self._rates = RateControl()
        self._watched: tuple[str, ...] | None = None
        self._key_asked_s: dict[str, float] = {}
        self._key_owed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticks = 0

    @property
    def count(self) -> int:
        """How many people watch or drive."""
        return len(self._live)

    async def offer(self, offer: robot_link.Offer) -> robot_link.Answer:
        """Answers the offer of a page.

        Refuses `sdp_invalid`, `fingerprint_mismatch`, `unsupported_codec`, `session_live`, `too_many_sessions`.
        """
        offered = checked_offer(offer.sdp)
        for note in offered.notes:
            log.info("session %s: %s", offer.session, note)
        self._check_free(offer, offered)
        self._answering[offer.session] = offered.fingerprint
        try:
            return await self._answer(offer, offered)
        finally:
            del self._answering[offer.session]

    def on_media_packet(self, packet: media_door.Packet) -> None:
        """Sends a picture to everybody who shows its camera; it is cut into packets once."""
        if packet.camera not in self._meters:
            return
        self._robot.frames[packet.camera].add(packet.index, packet.capture_mono_s)
        payloads = rtc.packetise(packet.data)
        for session in self._live.values():
            if packet.camera in session.shown:
                number = packet.index - session.first_index
                session.rtc_peer.push(packet.camera, number, packet.keyframe, payloads)
        self._meters[packet.camera].add(packet, self._clock())

    def on_media_restart(self) -> None:
        """The media process has said `Started`: tell it again who watches what, and how."""
        self._watched = None
        self._rates.forget()
        self._update_watched()

    def on_kernel_event(self, event: door.FromKernel) -> None:
        """An answer goes to the page that asked; what nobody here asked is not ours."""
        if isinstance(event, door.Event):
            return
        session = self._live.get(event.id.rpartition(":")[0])
        if session is not None and session.owns(event.id):
            session.on_answer(event)

    def set_status(self, status: door.Status) -> None:
        """The kernel's newest word, as often as the link reads it."""
        self._robot.status = status

    def set_state(self, state: RobotState) -> None:
        """Told to every page at once when anything but numbers that always change has changed."""
        before, self._robot.state = self._robot.state, state
        if before is None or _news(before) != _news(state):
            for session in self._live.values():
                session.tell_state()

    def want_key_frame(self, camera: str, driver: bool) -> None:
        """Asks the encoder, not more often than makes sense; what comes too early is asked at the next tick."""
        now_s = self._clock()
        if now_s - self._key_asked_s.get(camera, float("-inf")) < _KEY_FRAME_S[driver]:
            self._key_owed.add(camera)
            return
        self._key_owed.discard(camera)
        self._key_asked_s[camera] = now_s
        self._outlets.media(media_door.KeyFrame(camera=camera))

    def tick(self) -> None:
        """20 times a second."""
        now_s = self._clock()
        self._robot.stages = {c: s for c, meter in self._meters.items() if (s := meter.stages(now_s)) is not None}
        for session in list(self._live.values()):
            reason = session.tick(now_s)
            if reason is not None:
                self.end(session.session, reason)
        for camera in sorted(self._key_owed):
            self.want_key_frame(camera, driver=False)
        self._update_watched()
        self._ticks += 1
        if self._ticks % _RATE_TICKS == 0:
            self._update_rates(now_s)

    async def run(self) -> None:
        """Ticks until cancelled."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self.tick()
            due_s = max(due_s + TICK_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def end(self, session: str, reason: str) -> None:
        """Ends a session, if it is live; the kernel gets its lease back."""
        ended = self._live.pop(session, None)
        if ended is None:
            return
        self._outlets.ended(ended.close(reason))
        self._update_watched()
        self._start(ended.rtc_peer.close())

    def end_all(self, reason: str) -> None:
        for session in list(self._live):
            self.end(session, reason)

    async def close(self) -> None:
        """Ends every session and waits for the connections to close."""
        self.end_all("robot_stops")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _check_free(self, offer: robot_link.Offer, offered: Offered) -> None:
        if offer.session in self._live or offer.session in self._answering:
            raise Refused("session_live", "This session is connected already. Open a new one.", owner=offer.name)
        for other in self._live.values():
            if other.rtc_peer.remote_fingerprint == offered.fingerprint:
                raise Refused("session_live", "This page is connected already. Reload it.", owner=other.name)
        if offered.fingerprint in self._answering.values():
            raise Refused("session_live", "This page is being connected already. Reload it.", owner=offer.name)
        if len(self._live) + len(self._answering) >= MAX_SESSIONS:
            raise Refused("too_many_sessions", f"{MAX_SESSIONS} people are connected. Try again when one has left.")

    async def _answer(self, offer: robot_link.Offer, offered: Offered) -> robot_link.Answer:
        session = _Session(offer, self._robot, self._outlets, self._clock, self._start)
        session.owner = self
        try:
            peer = self._connect(offer.ice_servers, session)
        except (TypeError, ValueError) as error:
            raise Refused("ice_servers_invalid", f"The server's ICE servers cannot be used: {error}.") from error
        sdp = await peer.answer(offered, self._cameras)
        session.rtc_peer = peer
        session.begin(peer)
        self._live[offer.session] = session
        self._update_watched()
        signed = self._sign(permit.dtls_bytes(offer.session, peer.local_fingerprint, peer.remote_fingerprint))
        return robot_link.Answer(
            session=offer.session,
            sdp=sdp,
            fingerprint=peer.local_fingerprint,
            signature=base64.b64encode(signed).decode(),
            cameras=peer.cameras,
        )

    def _update_watched(self) -> None:
        shown = {camera for session in self._live.values() for camera in session.shown}
        watched = tuple(camera for camera in self._cameras if camera in shown)
        if watched != self._watched and self._outlets.media(media_door.Watch(cameras=watched)):
            self._watched = watched

    def _update_rates(self, now_s: float) -> None:
        sessions = {name: s for name, s in self._live.items() if s.open}
        driver = next((name for name, s in sessions.items() if s.drives), None)
        bits = budget({name: s.link.bit_s for name, s in sessions.items()}, driver)
        if bits is None or not self._watched:
            return
        mains = [s.main for s in sessions.values()]
        main = sessions[driver].main if driver is not None else max(set(mains), key=mains.count)
        for plan in self._rates.changes(divide(bits, main, self._watched), now_s):
            self._outlets.media(media_door.Rate(camera=plan.camera, bit_s=plan.bit_s, every=plan.every, half=plan.half))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a session's work failed", exc_info=error)


def _news(state: RobotState) -> tuple[object, ...]:
    lease = state.lease
    return (
        state.mode,
        state.reason,
        None if lease is None else (lease.epoch, lease.seq),
        state.stops,
        state.remote_motion,
        state.permitted,
        state.recording.state,
        state.recording.episode,
        state.recording.sentence,
        tuple(camera.live for camera in state.cameras),
        state.watchers,
    )
