"""Scripted demonstrations: `python -m robot.collect describe ...` and `... work ...` (orders come on standard input).

Started by `manage.py collect_demos`.  Every line on standard output is JSON (protocol.collect).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import msgspec

from protocol.collect import Description, Ended, Order, Result
from protocol.errors import Refused
from robot.collect.brought import Bringer
from robot.collect.collector import Collector
from robot.collect.script import open_script
from robot.collect.size import read_size, resized
from robot.supervise import die_with_parent
from robot.version import PROGRAM

_NICE = 10  # arms that are driven live on this machine come first


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        options.command(options)
    except Refused as refused:
        _say(Ended(refused.code, refused.sentence))
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m robot.collect", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("describe", help="the Embodiment that would record").set_defaults(command=_describe)
    work = commands.add_parser("work", help="make what is ordered on standard input")
    work.set_defaults(command=_work)
    for command in commands.choices.values():
        command.add_argument("--world", required=True)
        command.add_argument("--task", required=True)
        command.add_argument("--size", default="320x240")
    work.add_argument("--home", type=Path, required=True, help="a folder of this process alone")
    work.add_argument("--parent", type=int, default=0, help="the process without which this one shall not live")
    work.add_argument("--robot", required=True, help="the robot's id at the server")
    work.add_argument("--server", default="", help="upload there; without it episodes stay in the folder")
    work.add_argument("--randomise", action="store_true")
    work.add_argument("--keep-failures", action="store_true")
    return parser


def _describe(options: argparse.Namespace) -> None:
    script = open_script(options.world, options.task)
    embodiment = resized(script.world.embodiment, *read_size(options.size))
    _say(Description(msgspec.to_builtins(embodiment), PROGRAM))


def _work(options: argparse.Namespace) -> None:
    if options.parent:
        die_with_parent(options.parent)
    os.nice(_NICE)
    warnings.simplefilter("ignore")  # experts of metaworld ask for more than full speed and are told so each time
    script = open_script(options.world, options.task)
    embodiment = resized(script.world.embodiment, *read_size(options.size))
    about = {"body": "simulated", "world": options.world, "task": options.task, "randomise": options.randomise}
    collector = Collector(script, embodiment, options.home, options.robot, about, time.time_ns)
    bringer = Bringer(options.home, options.server) if options.server else None
    try:
        for line in sys.stdin.buffer:
            order = msgspec.json.decode(line, type=Order)
            result = collector.collect(order.seed, options.keep_failures)
            _say(result if bringer is None else bringer.bring(result, order.token))
    finally:
        collector.close()


def _say(message: Description | Result | Ended) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    raise SystemExit(main())
