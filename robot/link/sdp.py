"""Judges the offer of a browser before anything parses it in earnest.  Pure text; knows no WebRTC library."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from protocol.errors import Refused

MAX_BYTES = 64 * 1024
MAX_SECTIONS = 8
MAX_CANDIDATES = 20
CODECS = ("H264",)

_HASHES = ("sha-256", "sha-384", "sha-512")
_FINGERPRINT = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){31}")
_LINE = re.compile(r"[a-z]=[^\x00]*")
_MEDIA = re.compile(r"m=(audio|video|application) \d{1,5} \S+ \S.*")


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer that may be answered: without the candidates that were cut; `notes` say what was."""

    sdp: str
    fingerprint: str  # sha-256, upper-case hex with colons
    video_sections: int
    notes: tuple[str, ...]


def checked_offer(sdp: str) -> Offered:
    """Refuses `sdp_invalid`, `fingerprint_mismatch`, `unsupported_codec`; skips candidates that cannot be used."""
    lines = _lines(sdp)
    fingerprint = _fingerprint(lines)
    videos = [section for section in _sections(lines) if section[0].startswith("m=video")]
    for section in videos:
        _check_codec(section)
    kept, notes = _without_bad_candidates(lines)
    return Offered("\r\n".join(kept) + "\r\n", fingerprint, len(videos), tuple(notes))


def with_one_fingerprint(sdp: str) -> tuple[str, str]:
    """An answer of our own without all but its sha-256 fingerprint, and that fingerprint."""
    lines = sdp.replace("\r\n", "\n").rstrip("\n").split("\n")
    kept = [line for line in lines if not line.startswith("a=fingerprint:") or line.startswith("a=fingerprint:sha-256 ")]
    return "\r\n".join(kept) + "\r\n", _fingerprint(kept)


def _invalid(sentence: str) -> Refused:
    return Refused("sdp_invalid", f"{sentence} Reload the page and connect again.")


def _lines(sdp: str) -> list[str]:
    if len(sdp.encode()) > MAX_BYTES:
        raise _invalid(f"The offer has more than {MAX_BYTES} bytes.")
    lines = sdp.replace("\r\n", "\n").rstrip("\n").split("\n")
    if lines[0] != "v=0":
        raise _invalid("The offer does not begin like a session description.")
    for line in lines:
        if not _LINE.fullmatch(line):
            raise _invalid(f"The offer has a line that is none of a session description: {line[:40]!r}.")
    media = [line for line in lines if line.startswith("m=")]
    if not 1 <= len(media) <= MAX_SECTIONS:
        raise _invalid(f"The offer has {len(media)} media sections; 1 to {MAX_SECTIONS} are possible.")
    for line in media:
        if not _MEDIA.fullmatch(line):
            raise _invalid(f"The offer has a media section that cannot be read: {line[:40]!r}.")
    if not any(line.startswith("m=application") for line in media):
        raise _invalid("The offer has no section for data channels.")
    for key in ("a=ice-ufrag:", "a=ice-pwd:"):
        if not any(line.startswith(key) for line in lines):
            raise _invalid(f"The offer ends too early: it has no {key[2:-1]}.")
    return lines


def _sections(lines: list[str]) -> list[list[str]]:
    sections: list[list[str]] = []
    for line in lines:
        if line.startswith("m="):
            sections.append([line])
        elif sections:
            sections[-1].append(line)
    return sections


def _fingerprint(lines: list[str]) -> str:
    """The sha-256 one.  Stronger ones may stand beside it: the handshake then has to match them all."""
    stated = [line.partition(":")[2].split() for line in lines if line.startswith("a=fingerprint:")]
    if any(len(parts) != 2 or parts[0].lower() not in _HASHES for parts in stated):
        raise Refused("fingerprint_mismatch", "The offer names its certificate by a fingerprint that is weak or broken.")
    values = {parts[1].upper() for parts in stated if parts[0].lower() == "sha-256"}
    if len(values) != 1 or not _FINGERPRINT.fullmatch(next(iter(values))):
        raise Refused("fingerprint_mismatch", "The offer must name exactly one whole sha-256 fingerprint.")
    return values.pop()


def _check_codec(section: list[str]) -> None:
    names = [line.split(" ", 1)[1].split("/")[0].upper() for line in section if re.match(r"a=rtpmap:\d+ \S", line)]
    if not any(codec in names for codec in CODECS):
        offered = sorted({name for name in names if name not in ("RTX", "RED", "ULPFEC", "FLEXFEC-03")})
        raise Refused(
            "unsupported_codec",
            f"This robot sends {', '.join(CODECS)}; the browser offers {', '.join(offered) or 'nothing'}. "
            "Use a browser that plays H264.",
            supported=list(CODECS), offered=offered,
        )  # fmt: skip


def _without_bad_candidates(lines: list[str]) -> tuple[list[str], list[str]]:
    """Also drops end-of-candidates: a browser that shows none of its addresses is still found when it calls."""
    kept: list[str] = []
    notes: list[str] = []
    count = 0
    for line in lines:
        if line == "a=end-of-candidates":
            continue
        if line.startswith("a=candidate:"):
            reason = _candidate_fault(line)
            if reason is None and count >= MAX_CANDIDATES:
                reason = f"more than {MAX_CANDIDATES} candidates"
            if reason is not None:
                notes.append(f"skipped candidate: {reason}")
                continue
            count += 1
        kept.append(line)
    return kept, notes


def _candidate_fault(line: str) -> str | None:
    parts = line[len("a=candidate:") :].split()
    if len(parts) < 8 or parts[6] != "typ" or len(parts) % 2:
        return "malformed"
    component, transport, priority, address, port, kind = (*parts[1:6], parts[7])
    if not (component.isdecimal() and priority.isdecimal() and port.isdecimal() and int(port) < 65536):
        return "malformed number"
    if int(priority) >= 1 << 32 or int(component) > 256:
        return "number out of range"
    if transport.lower() != "udp":
        return f"transport {transport[:10]} is not used"
    if kind not in ("host", "srflx", "prflx", "relay"):
        return f"unknown kind {kind[:10]}"
    if address.endswith(".local"):
        return None
    try:
        where = ipaddress.ip_address(address)
    except ValueError:
        return "malformed address"
    if where.is_multicast or where.is_unspecified:
        return "an address nobody can be called at"
    return None
