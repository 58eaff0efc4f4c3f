"""Offers that a robot refuses, and the candidates it skips (bad-input rows 26 to 30)."""

from __future__ import annotations

import pytest

from protocol.errors import Refused
from robot.link.sdp import MAX_CANDIDATES, checked_offer, with_one_fingerprint

PRINT = ":".join(["AB"] * 32)
GOOD = "a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0"


def offer(fingerprint: str = f"sha-256 {PRINT}", codec: str = "H264", candidates: tuple[str, ...] = (GOOD,)) -> str:
    lines = [
        "v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
        "m=video 9 UDP/TLS/RTP/SAVPF 102", "c=IN IP4 0.0.0.0", *candidates, "a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 24,
        *([f"a=fingerprint:{fingerprint}"] if fingerprint else []), "a=setup:actpass", "a=mid:0", "a=recvonly",
        f"a=rtpmap:102 {codec}/90000", "a=rtpmap:103 rtx/90000",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1", "a=sctp-port:5000", "a=end-of-candidates",
    ]  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


def code(sdp: str) -> str:
    with pytest.raises(Refused) as refused:
        checked_offer(sdp)
    assert refused.value.sentence.endswith(".")
    return refused.value.code


def test_an_ordinary_offer_passes() -> None:
    offered = checked_offer(offer())
    assert (offered.fingerprint, offered.video_sections, offered.notes) == (PRINT, 1, ())
    assert GOOD in offered.sdp


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "hello",
        offer()[:120],  # truncated before its sections
        offer()[: offer().index("a=ice-ufrag")],
        offer().replace("m=application", "x=application"),
        offer() + "m=video 9 UDP/TLS/RTP/SAVPF 102\r\n" * 10_000,
        offer() + "a=x:" + "y" * 1_000_000,
        offer().replace("m=video 9 UDP/TLS/RTP/SAVPF 102", "m=video nine"),
        offer() + "no line of a description\r\n",
        offer().replace("v=0", "v=1"),
    ],
)
def test_row_26_what_is_no_offer_is_refused(sdp: str) -> None:
    assert code(sdp) == "sdp_invalid"


@pytest.mark.parametrize(
    "fingerprint",
    ["", "md5 " + ":".join(["AB"] * 16), "sha-1 " + ":".join(["AB"] * 20), "sha-256 AB:CD", "sha-256", f"sha-512 {PRINT}"],
)
def test_row_27_a_weak_or_missing_fingerprint_is_refused(fingerprint: str) -> None:
    assert code(offer(fingerprint)) == "fingerprint_mismatch"


def test_row_27_two_different_fingerprints_are_refused() -> None:
    other = ":".join(["CD"] * 32)
    assert code(offer() + f"a=fingerprint:sha-256 {other}\r\n") == "fingerprint_mismatch"


def test_row_27_a_second_weak_fingerprint_is_refused() -> None:
    assert code(offer() + "a=fingerprint:md5 " + ":".join(["AB"] * 16) + "\r\n") == "fingerprint_mismatch"


@pytest.mark.parametrize(
    "candidate",
    [
        "a=candidate:1 1 ssltcp 1518280447 192.0.2.7 443 typ host tcptype active",
        "a=candidate:1 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active",
        "a=candidate:nonsense",
        "a=candidate:1 1 udp x 192.0.2.7 50000 typ host",
        "a=candidate:1 1 udp 2122260223 192.0.2.7 70000 typ host",
        "a=candidate:1 1 udp 2122260223 not-an-address 50000 typ host",
        "a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ alien",
        "a=candidate:1 1 udp 2122260223 224.0.0.1 50000 typ host",
        "a=candidate:1 1 udp 99999999999 192.0.2.7 50000 typ host",
    ],
)
def test_row_28_a_candidate_that_cannot_be_used_is_skipped_with_a_note(candidate: str) -> None:
    offered = checked_offer(offer(candidates=(candidate, GOOD)))
    assert candidate not in offered.sdp
    assert GOOD in offered.sdp
    assert len(offered.notes) == 1


def test_row_29_an_offer_without_h264_is_refused_with_the_list() -> None:
    with pytest.raises(Refused) as refused:
        checked_offer(offer(codec="VP8"))
    assert refused.value.code == "unsupported_codec"
    assert refused.value.detail == {"supported": ["H264"], "offered": ["VP8"]}


def test_row_30_a_flood_of_candidates_is_cut() -> None:
    flood = tuple(f"a=candidate:{i} 1 udp 2122260223 10.0.{i // 250}.{i % 250 + 1} 50000 typ host" for i in range(500))
    offered = checked_offer(offer(candidates=flood))
    assert offered.sdp.count("a=candidate:") == MAX_CANDIDATES
    assert len(offered.notes) == 500 - MAX_CANDIDATES


def test_a_page_that_hides_all_its_addresses_may_still_call() -> None:
    offered = checked_offer(offer(candidates=()))
    assert "end-of-candidates" not in offered.sdp


def test_our_answer_names_its_certificate_once() -> None:
    answer = offer() + "a=fingerprint:sha-512 " + ":".join(["EF"] * 64) + "\r\n"
    sdp, fingerprint = with_one_fingerprint(answer)
    assert fingerprint == PRINT
    assert sdp.count("a=fingerprint:") == 1
