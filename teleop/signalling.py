"""The robot's answers on their way to the page that asked.  A robot reaches only sessions that were offered to it."""

from __future__ import annotations

import re

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from fleet.models import is_id
from fleet.robot_socket import ConnectedRobot
from protocol import robot_link, teleop
from protocol.errors import Refused
from protocol.wire import encode
from teleop.models import ControlSession

_FINGERPRINT = re.compile(r"^a=fingerprint:(\S+) ([0-9A-Fa-f:]{95})\s*$", re.MULTILINE)
MAX_SDP = 64 * 1024
MAX_WORDS, MAX_WORD = 64, 60


def fingerprint(sdp: str) -> str:
    """The sha-256 fingerprint of an offer, upper case; refuses an SDP without exactly one value of it."""
    if not sdp.startswith("v=0") or len(sdp) > MAX_SDP:
        raise Refused("sdp_invalid", "The offer is not a session description of at most 64 kB.")
    found = {(kind.lower(), value.upper()) for kind, value in _FINGERPRINT.findall(sdp)}
    if len(found) != 1 or next(iter(found))[0] != "sha-256":
        raise Refused("fingerprint_mismatch", "The offer must carry one sha-256 fingerprint.")
    return str(next(iter(found))[1])


@sync_to_async
def _owns(robot: str, session: str) -> bool:
    return ControlSession.objects.filter(pk=session, robot_id=robot, ended_at=None).exists()


def _known(session: str) -> str:
    if not is_id(session):
        raise _unknown()
    return session


def _unknown() -> Refused:
    return Refused("session_unknown", "This session does not exist at this robot.")


async def _to_page(robot: ConnectedRobot, session: str, message: teleop.FromServer) -> None:
    if not await _owns(robot.id, _known(session)):
        raise _unknown()
    await get_channel_layer().group_send(f"session.{session}", {"type": "to.page", "text": encode(message)})


async def on_answer(robot: ConnectedRobot, message: robot_link.Answer) -> None:
    await _to_page(
        robot,
        message.session,
        teleop.Answer(
            session=message.session,
            sdp=message.sdp,
            fingerprint=message.fingerprint,
            signature=message.signature,
            cameras=message.cameras,
        ),
    )


async def on_refused(robot: ConnectedRobot, message: robot_link.SessionRefused) -> None:
    _check_words("code", message.code)
    await _to_page(
        robot,
        message.session,
        teleop.SessionEnded(session=message.session, reason=message.code, sentence=message.sentence),
    )
    await sync_to_async(ControlSession.end)(message.session, message.code)


async def on_ended(robot: ConnectedRobot, message: robot_link.SessionEnded) -> None:
    """The robot closed the peer; it may bring the waterfall after the page has already gone."""
    ours = ControlSession.objects.filter(pk=_known(message.session), robot_id=robot.id)
    if not await sync_to_async(ours.exists)():
        raise _unknown()
    _check_words("reason", message.reason)
    _check_words("waterfall", *message.waterfall)
    await sync_to_async(ControlSession.end)(message.session, message.reason, message.waterfall)
    sentence = f"The robot ended the connection: {message.reason.replace('_', ' ')}."
    text = encode(teleop.SessionEnded(session=message.session, reason=message.reason, sentence=sentence))
    await get_channel_layer().group_send(f"session.{message.session}", {"type": "to.page", "text": text})


def _check_words(field: str, *words: str) -> None:
    """What a robot names goes into the database: few, short, printable."""
    if len(words) > MAX_WORDS or not all(word.isprintable() and len(word) <= MAX_WORD for word in words):
        raise Refused(f"invalid_field:{field}", f"{field}: at most {MAX_WORDS} words of {MAX_WORD} printable characters.")
