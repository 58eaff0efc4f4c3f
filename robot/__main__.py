"""The robot's commands: enrol, run, status, remote-motion, scene, bodies.  Each refuses with a sentence and exit code 1."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import msgspec

from protocol.errors import Refused
from robot import launcher, state
from robot.bodies.registry import BODIES
from robot.config import read_config
from robot.enrol import enrol
from robot.kernel.door import Status
from robot.world import wire
from robot.world.door import ask_world

_CONFIRM_S = 3.0
_OLD_S = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        return int(options.command(options))
    except Refused as error:
        sys.stderr.write(f"{error.sentence}\n")
        return 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m robot", description="The program beside a robot.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("enrol", help="make a folder a robot of a server, with a one-time code")
    one.add_argument("--server", required=True, metavar="URL")
    one.add_argument("--code", required=True)
    one.add_argument("--body", default="simulated", help=f"one of {', '.join(sorted(BODIES))}")
    one.add_argument("--body-option", action="append", default=[], metavar="NAME=VALUE", dest="body_options")
    one.add_argument("--again", action="store_true", help="replace the robot that is in the folder")
    one.set_defaults(command=_enrol)
    commands.add_parser("run", help="run the robot until Ctrl-C").set_defaults(command=_run)
    one = commands.add_parser("status", help="what the running robot says of itself")
    one.add_argument("--json", action="store_true")
    one.set_defaults(command=_status)
    one = commands.add_parser("remote-motion", help="the local switch: may this robot be moved from afar?")
    one.add_argument("to", choices=("on", "off"))
    one.set_defaults(command=_remote_motion)
    one = commands.add_parser("scene", help="change what stands in a simulated robot's world")
    one.add_argument("--seed", type=int, help="start over, with the objects where this seed puts them")
    one.add_argument("--scene", default="", help="start over with this scene, such as cubes or three")
    one.add_argument("--paint", action="append", default=[], metavar="THING=COLOUR", help="until the next start over")
    one.set_defaults(command=_scene)
    for command in commands.choices.values():
        command.add_argument("--dir", type=Path, required=True, help="the robot's folder")
    commands.add_parser("bodies", help="list the bodies a robot can have").set_defaults(command=_bodies)
    return parser


def _enrol(options: argparse.Namespace) -> int:
    config = enrol(options.dir, options.server, options.code, options.body, body_options(options.body_options), options.again)
    _say(f"{config.name} is enrolled at {config.server}.")
    _say(f"Start it: python -m robot run --dir {options.dir}")
    return 0


def body_options(words: Sequence[str]) -> dict[str, object]:
    """`name=value` words; a value that reads as a number, true or false is one.  `Refused("body_config")`."""
    found: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise Refused("body_config", f"{word!r} is no body option. Write it like seed=7.")
        try:
            read = msgspec.json.decode(value)
        except msgspec.DecodeError:
            read = value
        found[name] = read if isinstance(read, bool | int | float) else value
    return found


def _run(options: argparse.Namespace) -> int:
    launcher.run(options.dir)
    return 0


def _status(options: argparse.Namespace) -> int:
    status, age_s = launcher.status_of(options.dir)
    if options.json:
        _say(msgspec.json.encode({"age_s": age_s, **msgspec.to_builtins(status)}).decode())
    else:
        _say("\n".join(describe(status, age_s)))
    return 0 if age_s < _OLD_S else 1


def describe(status: Status, age_s: float) -> list[str]:
    """Lines for a person beside the robot."""
    lines = [f"{status.mode} ({status.reason}), epoch {status.epoch}"]
    if age_s >= _OLD_S:
        lines = [f"The kernel has been silent for {age_s:.1f} s; before that it said:", *lines]
    if status.lease is not None:
        lines.append(f"driven by {status.lease.name or status.lease.person} ({status.lease.kind})")
    lines += [f"remote stop by {source}" for source in status.stops]
    lines.append(f"remote motion is {'on' if status.remote_motion else 'off'}")
    if status.held:
        lines.append("held: the server has seen this robot's key twice; an administrator must decide")
    return lines


def _remote_motion(options: argparse.Namespace) -> int:
    read_config(options.dir)
    allowed = options.to == "on"
    state.set_remote_motion(options.dir, allowed)
    if not state.is_running(options.dir):
        _say(f"Remote motion is {options.to} from the next start of the robot.")
        return 0
    end_s = time.monotonic() + _CONFIRM_S
    while time.monotonic() < end_s:
        try:
            status, age_s = launcher.status_of(options.dir)
        except Refused:  # it is starting: no word yet
            status, age_s = None, float("inf")
        if status is not None and age_s < _OLD_S and status.remote_motion is allowed:
            _say(f"Remote motion is {options.to}.")
            return 0
        time.sleep(0.05)
    raise Refused(
        "not_confirmed", "The robot has not confirmed the switch. Look at 'python -m robot status', or stop it by hand."
    )


def _scene(options: argparse.Namespace) -> int:
    run = state.read_run(options.dir)
    if run is None or not state.is_running(options.dir):
        raise Refused("not_running", f"The robot in {options.dir} is not running. Start it first.")
    colours = dict(_painted(word) for word in options.paint)
    if options.seed is not None or options.scene:
        seed = options.seed or 0
        if not 0 <= seed < 1 << 32:
            raise Refused("invalid_field:seed", "A seed is a whole number from 0 to 4294967295.")
        ask_world(Path(run.run_dir), wire.Reset(seed, options.scene))
        _say(f"The scene began anew with seed {seed}.")
    if colours:
        ask_world(Path(run.run_dir), wire.Paint(colours))
        _say("\n".join(f"{thing} is {colour} now." for thing, colour in colours.items()))
    return 0


def _painted(word: str) -> tuple[str, str]:
    thing, equals, colour = word.partition("=")
    if not thing or not equals or not colour:
        raise Refused("invalid_field:paint", f"{word!r} says no colour. Write it like 'red cube=purple'.")
    return thing.strip(), colour.strip()


def _bodies(options: argparse.Namespace) -> int:
    for name, path in sorted(BODIES.items()):
        module = import_module(path.rpartition(".")[0])
        _say(f"{name:<10} {' '.join((module.__doc__ or '').split())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
