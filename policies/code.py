"""Which code learns: of a training it is part of what is needed to repeat it."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent / "learning"


@cache
def code_version() -> str:
    """The commit, where the environment names one (REINS_COMMIT), and a hash of every file that takes part in learning."""
    digest = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    commit = os.environ.get("REINS_COMMIT", "")[:12]
    return " ".join(filter(None, (commit, f"learning-{digest.hexdigest()[:12]}")))
