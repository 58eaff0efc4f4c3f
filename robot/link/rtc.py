"""One WebRTC peer: a browser that watches and perhaps drives.  The only file that knows aiortc.

Pictures come encoded and packetised; every viewer is sent the same bytes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import aioice.ice
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    clock,
    rtp,
)
from aiortc import codecs as rtc_codecs
from aiortc.codecs.h264 import H264Encoder
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters

from protocol.errors import Refused
from robot.link.burst import Burst
from robot.link.frame_table import rtp_ticks
from robot.link.outlets import PeerEvents
from robot.link.rtp import Format, RtpStream
from robot.link.sdp import Offered, with_one_fingerprint

log = logging.getLogger(__name__)

_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
MAX_WAITING = 3  # pictures; a viewer that is further behind skips to the next key frame


rtc_codecs.HEADER_EXTENSIONS["video"].append(RTCRtpHeaderExtensionParameters(id=4, uri=PLAYOUT_DELAY))

_interface_addresses = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """As aioice finds them; the loopback address where there is no other, so that a machine without network works."""
    return _interface_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]


aioice.ice.get_host_addresses = _host_addresses


def packetise(data: bytes) -> list[bytes]:
    """RTP payloads (RFC 6184, packetization mode 1) of one Annex-B picture; made once for all viewers."""
    return H264Encoder._packetize(H264Encoder._split_bitstream(data))


class _Encoded(MediaStreamTrack):
    """Stands in a transceiver for pictures that `_VideoLine` hands to the sender itself."""

    kind = "video"

    async def recv(self) -> Any:
        raise AssertionError("the sender takes its pictures from the video line")


def _path(dtls: Any) -> tuple[Any, Any, Any]:
    """SRTP's protect, the datagram transport and its address: what `dtls._send_rtp` reaches through five coroutines.

    With many viewers those calls would cost as much as the encryption.  `ConnectionError` while there is no path.
    """
    pair = dtls.transport._connection._nominated.get(1)
    if dtls.state != "connected" or pair is None:
        raise ConnectionError("not connected")
    return dtls._tx_srtp.protect, pair.protocol.transport, pair.remote_addr


class _VideoLine:
    """Takes the place of a sender's own loop: newest first, never more than a few pictures waiting."""

    def __init__(self, sender: Any, camera: str, events: PeerEvents) -> None:
        self.camera, self.origin = camera, secrets.randbits(32)
        self.skipped = 0
        self._sender, self._events = sender, events
        self._stream: RtpStream | None = None
        self._burst: Burst | None = None
        self._waiting: deque[tuple[int, list[bytes]]] = deque()
        self._filled = asyncio.Event()
        self._needs_key = True
        self._start, self._handle_rtcp = sender.send, sender._handle_rtcp_packet
        sender.send, sender._run_rtp = self._negotiated, self._run
        sender._send_keyframe, sender._retransmit = self._ask_key_frame, self._repeat
        sender._handle_rtcp_packet = self._on_rtcp

    def push(self, number: int, keyframe: bool, payloads: list[bytes]) -> None:
        if self._stream is None or (self._needs_key and not keyframe):
            return
        if len(self._waiting) >= MAX_WAITING:
            self.skipped += len(self._waiting)
            self._waiting.clear()
            self.restart()
            return
        self._needs_key = False
        self._waiting.append((rtp_ticks(number, self.origin), payloads))
        self._filled.set()

    def restart(self) -> None:
        """Nothing more until the next key frame."""
        self._needs_key = True
        self._ask_key_frame()

    async def _negotiated(self, parameters: Any) -> None:
        ids = {e.uri: e.id for e in parameters.headerExtensions if e.id <= 14}
        codec = parameters.codecs[0]
        repeats = (c.payloadType for c in parameters.codecs if c.parameters.get("apt") == codec.payloadType)
        self._stream = RtpStream(
            Format(
                payload_type=codec.payloadType,
                ssrc=self._sender._ssrc,
                repeat_type=next(repeats, None),
                repeat_ssrc=self._sender._rtx_ssrc,
                mid=parameters.muxId,
                mid_id=ids.get(_MID),
                send_time_id=ids.get(_SEND_TIME),
                playout_delay_id=ids.get(PLAYOUT_DELAY),
            )
        )
        await self._start(parameters)

    async def _run(self, _codec: Any) -> None:
        """The sender's task; it ends when the connection does or the sender is stopped."""
        self._private("rtp_started").set()
        self._ask_key_frame()
        try:
            while True:
                while not self._waiting:
                    self._filled.clear()
                    await self._filled.wait()
                self._send(*self._waiting.popleft())
        except (asyncio.CancelledError, ConnectionError):
            self._stream = None
        finally:
            self._private("rtp_exited").set()

    def _send(self, ticks: int, payloads: list[bytes]) -> None:
        stream = self._stream
        if stream is None:
            return
        protect, transport, address = _path(self._sender.transport)
        if self._burst is None or self._burst.transport is not transport:
            self._burst = Burst(transport)
        self._burst.send([protect(packet) for packet in stream.picture(ticks, payloads, time.time())], address)
        report = (clock.current_ntp_time(), ticks, stream.packets, stream.octets)
        for name, value in zip(("ntp_timestamp", "rtp_timestamp", "packet_count", "octet_count"), report, strict=True):
            setattr(self._sender, f"_RTCRtpSender__{name}", value)

    async def _repeat(self, sequence: int) -> None:
        packet = None if self._stream is None else self._stream.repeat(sequence, time.time())
        if packet is not None:
            await self._sender.transport._send_rtp(packet)

    def _private(self, name: str) -> Any:
        return getattr(self._sender, f"_RTCRtpSender__{name}")

    def _ask_key_frame(self) -> None:
        self._events.on_key_frame(self.camera)

    async def _on_rtcp(self, packet: Any) -> None:
        await self._handle_rtcp(packet)
        if isinstance(packet, rtp.RtcpRrPacket | rtp.RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._sender._ssrc:
                    self._events.on_report(report.fraction_lost / 256, self._private("rtt"))
        elif isinstance(packet, rtp.RtcpPsfbPacket) and packet.fmt == rtp.RTCP_PSFB_APP:
            try:
                self._events.on_remb(rtp.unpack_remb_fci(packet.fci)[0])
            except ValueError:  # another application's feedback, which is not ours to judge
                return


class Peer:
    """A connection that answers one offer.  `rtp_origin` by camera; fingerprints are sha-256, upper-case hex."""

    def __init__(self, ice_servers: Sequence[dict[str, Any]], events: PeerEvents) -> None:
        servers = [RTCIceServer(**{k: s[k] for k in ("urls", "username", "credential") if k in s}) for s in ice_servers]
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._events = events
        self._lines: dict[str, _VideoLine] = {}
        self._channels: dict[str, RTCDataChannel] = {}
        self._pc.on("datachannel", self._on_channel)
        self._pc.on("connectionstatechange", self._on_connection_state)
        self._closed = False
        self.local_fingerprint = self.remote_fingerprint = ""

    async def answer(self, offered: Offered, cameras: Sequence[str]) -> str:
        """The SDP answer with one video section per camera, as far as the offer has room; `Refused("sdp_invalid")`."""
        for camera in cameras[: offered.video_sections]:
            # preferences only count on a transceiver that is there before the remote description
            transceiver = self._pc.addTransceiver(_Encoded(), direction="sendonly")
            known = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences([c for c in known if c.mimeType in ("video/H264", "video/rtx")])
            self._lines[camera] = _VideoLine(transceiver.sender, camera, self._events)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(offered.sdp, "offer"))
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except Exception as error:  # the parser raises whatever it stumbles over: the offer is at fault, not the robot
            await self.close()
            raise Refused("sdp_invalid", f"The offer cannot be answered: {error}. Reload the page.") from error
        answer, self.local_fingerprint = with_one_fingerprint(self._pc.localDescription.sdp)
        self.remote_fingerprint = offered.fingerprint
        return answer

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(self._lines)

    @property
    def rtp_origin(self) -> dict[str, int]:
        return {camera: line.origin for camera, line in self._lines.items()}

    @property
    def skipped(self) -> int:
        """Pictures not sent because this viewer was behind."""
        return sum(line.skipped for line in self._lines.values())

    @property
    def buffered(self) -> int:
        """Bytes waiting on the reliable channel: grows when the browser does not read."""
        state = self._channels.get("state")
        return 0 if state is None else state.bufferedAmount

    def push(self, camera: str, number: int, keyframe: bool, payloads: list[bytes]) -> None:
        if (line := self._lines.get(camera)) is not None:
            line.push(number, keyframe, payloads)

    def restart(self, camera: str) -> None:
        """After a pause in `push`: go on with a key frame."""
        if (line := self._lines.get(camera)) is not None:
            line.restart()

    def send_state(self, text: str) -> None:
        self._send("state", text)

    def send_control(self, raw: bytes) -> None:
        self._send("control", raw)

    async def close(self) -> None:
        """Once: the library's own second close waits for ever when its first one broke over a half-made connection."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._pc.close()
        except AttributeError as error:  # of transports that were never made
            log.info("a connection that was half made could not be closed in order: %s", error)

    def _send(self, label: str, message: str | bytes) -> None:
        channel = self._channels.get(label)
        if channel is not None and channel.readyState == "open":
            channel.send(message)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        receive = {"control": self._events.on_control, "state": self._events.on_state}.get(channel.label)
        if receive is None or channel.label in self._channels:
            channel.close()
            return
        self._channels[channel.label] = channel
        channel.on("message", receive)
        if channel.label == "state":
            self._events.on_open()

    def _on_connection_state(self) -> None:
        if self._pc.connectionState in ("failed", "closed"):
            self._events.on_closed(f"connection_{self._pc.connectionState}")
