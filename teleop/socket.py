"""The cockpit's socket, `/ws/teleop/<robot>/`: signalling, permits, asking for the lease, the stop's second way."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Literal

import redis.exceptions
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import Error

from fleet import audit, relay, robots
from fleet.access import Ability, access
from fleet.fleet_socket import last_seen_s, note_stop
from fleet.limits import Window
from fleet.live import live
from fleet.models import Robot, is_id
from fleet.robot_socket import tell
from fleet.socket import PersonSocket
from fleet.stops import GIVE_UP_S, StopAsked
from protocol import robot_link, teleop
from protocol.errors import Refused
from protocol.permit import Permit
from protocol.state import LeaseState, RobotState
from protocol.wire import Problem
from teleop import ice, permits, presence, signalling
from teleop.models import ControlSession
from teleop.takeover import Takeover

PERIOD_S = 0.2
STOP_REPEAT_S = 0.05
END_S = 0.5  # a Redis or a database that hangs must not keep a socket open
LEFT = (1000, 1001)  # the page closed its socket; any other loss leaves its connection alone (teleop.presence)


class TeleopSocket(PersonSocket):
    messages = teleop.FromBrowser
    per_s = 60.0
    longest = 1024 * 1024  # an offer that is too long is judged as an offer
    _session = _fingerprint = ""

    async def opened(self) -> None:
        self._id = str(self.scope["url_route"]["kwargs"]["robot"])
        self._window, self._ice_s = Window(), time.monotonic()
        known = Robot.objects.live().select_related("site").filter(pk=self._id)
        row = await sync_to_async(known.first)() if is_id(self._id) else None
        if row is None or not await self._may("see"):
            raise Refused("robot_unknown", "There is no such robot, or you may not see it.")
        self.row: Robot = row
        self._takeover = Takeover(self._id, self.person, self._say_to_holder)
        await get_channel_layer().group_add(f"teleop.{self._id}", self.channel_name)
        listener = await live.listen([self._id])
        await self._hello()
        self.start(self._feed(listener))

    async def _hello(self) -> None:
        may_drive = await self._may("drive")
        await self.say(
            teleop.Hello(
                robot=self._id,
                robot_name=self.row.name,
                person=self.person.uid,
                person_name=self.person.shown,
                may_drive=may_drive,
                may_force=await self._may("administer"),
                why_not="" if may_drive else "Your role lets you watch. An administrator can make you an operator.",
                ice_servers=ice.servers(self.person.uid),
                robot_key=self.row.public_key,
                online=live.seen(self._id).online(time.monotonic()),
            )
        )

    async def still_welcome(self) -> bool:
        return not hasattr(self, "row") or await self._may("see")

    async def hear(self, message: Any) -> None:
        if not hasattr(self, "row"):
            return
        if not await self._may("see"):
            raise Refused("forbidden", "You may not see this robot any more.")
        match message:
            case teleop.Offer():
                await self._offer(message)
            case teleop.Resume():
                await self._resume(message)
            case teleop.PermitRequest():
                await self._permit(message)
            case teleop.TakeRequest():
                await self._need("drive")
                await self._ask_holder(message)
            case teleop.TakeAnswer():
                await self._answer_asker(message)
            case teleop.StopRequest():
                await self._need("stop")
                self.start(self._stop(message.id))
            case teleop.Bye():
                await self._end_session("page_left")
            case teleop.Ack():
                self._window.acknowledge(message.n)

    async def _may(self, ability: Ability) -> bool:
        return await access.may(self.person.uid, self._id, ability)

    async def _need(self, ability: Ability) -> None:
        if not await self._may(ability):
            raise Refused("forbidden", "Your role does not allow this at this robot. Ask an administrator.")

    # -- the peer connection ----------------------------------------------------------------------

    async def _offer(self, message: teleop.Offer) -> None:
        fingerprint = signalling.fingerprint(message.sdp)
        if not live.seen(self._id).online(time.monotonic()):
            raise Refused("robot_offline", "The robot is not connected. Check its power and network.")
        await self._check_held()
        await self._end_session("replaced")
        row = await sync_to_async(ControlSession.objects.create)(
            robot=self.row, person_id=self.person.pk, fingerprint=fingerprint
        )
        self._session, self._fingerprint = row.pk.hex, fingerprint
        await get_channel_layer().group_add(f"session.{self._session}", self.channel_name)
        offer = robot_link.Offer(
            session=self._session,
            person=self.person.uid,
            name=self.person.shown,
            sdp=message.sdp,
            ice_servers=ice.servers(self.person.uid),
        )
        await tell(self._id, offer)

    async def _resume(self, message: teleop.Resume) -> None:
        """The session this page had on a socket that was lost; that socket lets go of it when it still lives."""
        if message.session == self._session:
            return
        row = await sync_to_async(self._resumable)(message.session)
        if row is None:
            raise Refused("session_unknown", "This connection is over. Connect to the robot again.")
        await self._end_session("replaced")
        layer = get_channel_layer()
        await layer.group_send(f"session.{row.pk.hex}", {"type": "session.moved", "session": row.pk.hex})
        self._session, self._fingerprint = row.pk.hex, row.fingerprint
        await layer.group_add(f"session.{self._session}", self.channel_name)
        await presence.here(self._session)

    def _resumable(self, session: str) -> ControlSession | None:
        mine = ControlSession.objects.filter(robot=self.row, person_id=self.person.pk, ended_at=None)
        return mine.filter(pk=session).first() if is_id(session) else None

    async def session_moved(self, event: dict[str, Any]) -> None:
        """The page is on another socket now; this one ends nothing any more."""
        if event["session"] == self._session:
            self._session = self._fingerprint = ""
            await get_channel_layer().group_discard(f"session.{event['session']}", self.channel_name)

    async def _check_held(self) -> None:
        """A robot whose key is in doubt is not talked to: whoever answers may not be the robot."""
        row = (await robots.roster.get()).get(self._id)
        if row is not None and row.held_reason:
            raise Refused("robot_held", f"{row.held_reason} Administrators release it on the fleet page.")

    async def to_page(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])

    async def _end_session(self, reason: str) -> None:
        if not self._session:
            return
        session, self._session, self._fingerprint = self._session, "", ""
        await get_channel_layer().group_discard(f"session.{session}", self.channel_name)
        await sync_to_async(ControlSession.end)(session, reason)
        await tell(self._id, robot_link.EndSession(session=session, reason=reason))

    # -- permits ----------------------------------------------------------------------------------

    def _state(self) -> RobotState:
        seen = live.seen(self._id)
        return permits.check_ready(seen.state if seen.online(time.monotonic()) else None)

    def _lease(self) -> LeaseState | None:
        return self._state().lease

    async def _permit(self, message: teleop.PermitRequest) -> None:
        await self._need("drive" if message.act == "drive" else "clear")
        state = self._state()
        if message.act == "drive":
            permits.check_drivable(state)
            if message.force:
                await self._check_force(message.reason)
            permits.check_takeable(state.lease, self._fingerprint, take=message.force)
        over = state.lease if message.force else None
        signed = await self._signed(message.act, over=over, reason=message.reason)
        await self.say(teleop.Permitted(id=message.id, permit=signed))

    async def _check_force(self, reason: str) -> None:
        await self._need("administer")
        if len(reason.strip()) < 3:
            raise Refused("reason_needed", "Say why you take the lease from its holder; the reason is kept.")

    async def _signed(self, act: Literal["drive", "clear"], *, over: LeaseState | None = None, reason: str = "") -> Any:
        """The one place that signs permits; it asks for the right again, which a wait may have outlived.

        `over`: the lease that the permit may end, and no other.
        """
        await self._need("drive" if act == "drive" else "clear")
        if not self._fingerprint:
            raise Refused("no_session", "Connect to the robot first.")
        permit = Permit(
            robot=self._id, act=act, person=self.person.uid, name=self.person.shown,
            fingerprint=self._fingerprint, nonce=self._state().nonce, reason=reason[:200], take=over is not None,
            over_epoch=over.epoch if over else 0, over_seq=over.seq if over else 0,
        )  # fmt: skip
        organisation = self.row.site.organisation_id
        await sync_to_async(audit.append)(
            self.person.username, f"permitted to {act}", self.row.name, organisation, take=permit.take, reason=reason[:200]
        )
        return permits.sign(permit)

    # -- asking the holder ------------------------------------------------------------------------

    async def _ask_holder(self, message: teleop.TakeRequest) -> None:
        lease = self._lease()
        if lease is None or lease.kind == "policy":
            signed = await self._signed("drive")
            await self.say(teleop.TakeResult(id=message.id, consent=True, by="holder", permit=signed))
            return
        self.start(self._await_holder(message.id, lease))

    async def _await_holder(self, id: str, asked: LeaseState) -> None:
        """The holder's answer, or ten seconds without one; a refusal is an answer too."""
        consent, by = await self._takeover.ask()
        try:
            signed = await self._signed_over(asked, by) if consent else None
        except Refused as refusal:
            await self.say(Problem(id=id, code=refusal.code, sentence=refusal.sentence, detail=dict(refusal.detail)))
            return
        await self.say(teleop.TakeResult(id=id, consent=consent, by=by, permit=signed))

    async def _signed_over(self, asked: LeaseState, by: str) -> Any:
        permits.check_same(asked, self._lease())
        return await self._signed("drive", over=asked, reason=f"holder: {by}")

    async def _say_to_holder(self, event: dict[str, Any]) -> None:
        await get_channel_layer().group_send(f"teleop.{self._id}", event)

    async def take_asked(self, event: dict[str, Any]) -> None:
        """Another page asks; only the page whose connection holds the lease shows it."""
        seen = live.seen(self._id)
        if self._holds(seen.state.lease if seen.state else None):
            asked = teleop.TakeAsked(request=event["request"], name=event["name"], seconds=event["seconds"])
            await self.say(asked)

    def _holds(self, lease: LeaseState | None) -> bool:
        """Whether this page's own person holds it: everybody can read the holder's fingerprint and offer with it."""
        if lease is None or not self._fingerprint:
            return False
        return (lease.person, lease.fingerprint) == (self.person.uid, self._fingerprint)

    async def _answer_asker(self, message: teleop.TakeAnswer) -> None:
        if not self._holds(self._lease()):
            raise Refused("not_holder", "You do not hold this robot's lease.")
        await self._say_to_holder({"type": "take.answered", "request": message.request, "consent": message.consent})

    async def take_answered(self, event: dict[str, Any]) -> None:
        self._takeover.answered(event["request"], event["consent"])

    # -- stop -------------------------------------------------------------------------------------

    async def _stop(self, id: str) -> None:
        """Asks until the robot has answered; says every change of the truth."""
        asked, told = StopAsked(self.person.uid, time.monotonic()), ""
        noted = False
        while time.monotonic() - asked.at_s < GIVE_UP_S:
            with contextlib.suppress(redis.exceptions.RedisError, OSError):
                await tell(self._id, robot_link.StopNow(source=asked.source))
            now_s, seen = time.monotonic(), live.seen(self._id)
            reach = asked.reach(seen, now_s)
            if reach != told:
                age_s = last_seen_s(self.row, seen, now_s) if reach == "unreachable" else None
                await self.say(teleop.StopState(id=id, state=reach, last_seen_s=age_s))
                told = reach
            if not noted:
                noted = True
                await sync_to_async(note_stop)(self.person.username, [self._id])
            if reach == "acknowledged":
                return
            await asyncio.sleep(STOP_REPEAT_S)

    # -- the robot's state ------------------------------------------------------------------------

    async def _feed(self, listener: Any) -> None:
        sent: tuple[bool, RobotState | None] | None = None
        try:
            while True:
                now_s, seen = time.monotonic(), live.seen(self._id)
                news = (seen.online(now_s), seen.state)
                if news != sent and self._window.open():
                    sent = news
                    age_s = None if news[0] else last_seen_s(self.row, seen, now_s)
                    n = self._window.send(now_s)
                    await self.say(teleop.RobotNow(n=n, online=news[0], last_seen_s=age_s, state=seen.state))
                if self._window.stuck(now_s):
                    await self.close(code=4408)
                    return
                await self._keep_ice_servers(now_s)
                with contextlib.suppress(redis.exceptions.RedisError, OSError):
                    await relay.want_snapshots([self._id])
                    if self._session:
                        await presence.here(self._session)
                await asyncio.sleep(PERIOD_S)
                await listener.changed(1.0)
        finally:
            listener.close()

    async def _keep_ice_servers(self, now_s: float) -> None:
        """A page that stays open must be able to connect again when its first credentials have ended."""
        if now_s - self._ice_s > ice.FRESH_S:
            self._ice_s = now_s
            await self.say(teleop.IceServers(ice_servers=ice.servers(self.person.uid)))

    async def close(self, code: int | bool | None = None, reason: str | None = None) -> None:
        """Whoever is told to go has no connection to the robot either, whether or not the page hears of it."""
        if code:  # before the close, at which all work of this socket is cancelled; what fails here `presence` does later
            with contextlib.suppress(redis.exceptions.RedisError, OSError, Error):
                async with asyncio.timeout(END_S):
                    await self._end_session("not_allowed")
        await super().close(code, reason)

    async def ended(self, code: int) -> None:
        if not hasattr(self, "row"):
            return
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await get_channel_layer().group_discard(f"teleop.{self._id}", self.channel_name)
            if code in LEFT:
                await self._end_session("page_left")
