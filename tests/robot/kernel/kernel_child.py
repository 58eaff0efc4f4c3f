"""Starts the real kernel process with the recording body in the registry.  Only what `python -m` cannot be told otherwise."""

from __future__ import annotations

import sys

from robot.bodies import registry
from robot.kernel import process

if __name__ == "__main__":
    registry.BODIES["recording"] = "tests.robot.kernel.recording_body.describe"
    process.main(sys.argv[1:])
