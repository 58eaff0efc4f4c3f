"""Runs Django's deployment checks as production would, with throw-away values, and shows that unsafe ones are refused."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def production(**changes: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check --deploy` under production settings with `changes`; an empty value unsets."""
    with tempfile.TemporaryDirectory() as folder:
        values = {
            "REINS_MODE": "production",
            "REINS_SECRET_KEY": secrets.token_urlsafe(64),
            "REINS_HOSTS": "reins.example",
            "REINS_DATA_DIR": folder,
            "DATABASE_URL": "postgres://reins:reins@127.0.0.1:1/reins",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            **changes,
        }
        environment = {k: v for k, v in os.environ.items() if k not in values and not k.startswith("REINS_")}
        environment |= {k: v for k, v in values.items() if v}
        command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    result = production()
    sys.stdout.write(result.stdout + result.stderr)
    sys.exit(result.returncode)
