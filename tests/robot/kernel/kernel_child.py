"""The real kernel process with the recording body put into the registry.  Not a test."""

from __future__ import annotations

import sys

from robot.bodies import registry
from robot.kernel import process

if __name__ == "__main__":
    registry.BODIES["recording"] = "tests.robot.kernel.recording_body.describe"
    process.main(sys.argv[1:])
