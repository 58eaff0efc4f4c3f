"""What a check says of an episode: a code for programs, a sentence for people, where in the episode, how bad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Severity = Literal["warning", "reject"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Rows `first`..`last`, both included.  `camera` is empty where the finding is not of one camera's pictures."""

    code: str
    severity: Severity
    sentence: str
    camera: str = ""
    first: int = 0
    last: int = 0


class Trim(msgspec.Struct, frozen=True):
    """The rows to keep, both included: what lies outside is idle.  A proposal; nothing is cut."""

    first: int
    last: int


def status_of(findings: Iterable[Finding]) -> Literal["ready", "warned", "rejected"]:
    """What an episode with these findings becomes."""
    severities = {finding.severity for finding in findings}
    if "reject" in severities:
        return "rejected"
    return "warned" if severities else "ready"


def codes_of(findings: Iterable[Finding]) -> str:
    """`|black|frozen|`: every code once, in a form that a database can search by `contains`; empty without findings."""
    codes = sorted({finding.code for finding in findings})
    return f"|{'|'.join(codes)}|" if codes else ""
