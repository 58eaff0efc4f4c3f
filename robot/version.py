"""The version of the robot program, as it tells the server."""

PROGRAM = "0.1.0"
