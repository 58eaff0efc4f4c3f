"""`manage.py collect_demos --world tabletop --task lift --episodes 400`: scripted demonstrations, recorded and brought
like any robot's.  Ctrl-C keeps what is done; the same command again goes on."""

from __future__ import annotations

import signal
import sys
import time
from argparse import ArgumentTypeError
from types import FrameType
from typing import Any

import msgspec
from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from kombu.exceptions import OperationalError

from episodes.collecting import Collection, Plan, bring_left_behind, homes
from episodes.crew import Crew, describe
from fleet import robots
from fleet.models import Robot, Site
from protocol.embodiment import decode_embodiment
from protocol.errors import Refused

_SAID_EVERY_S = 0.5  # on a terminal; elsewhere a line every ten seconds


class Command(BaseCommand):
    help = __doc__ or ""
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--world", default="tabletop", help="tabletop or metaworld")
        parser.add_argument(
            "--task", required=True, help="reach, lift, push or place; of metaworld a task such as drawer-open-v3"
        )
        parser.add_argument("--episodes", type=_count, default=100, help="how many successes there shall be in the end")
        parser.add_argument("--seed", type=int, default=0, help="the first seed; seeds far from others give other episodes")
        parser.add_argument("--size", default="320x240", help="of the pictures")
        parser.add_argument("--randomise", action="store_true", help="vary colours, light, cameras and friction")
        parser.add_argument("--keep-failures", action="store_true", help="keep attempts that failed, as failures")
        parser.add_argument("--workers", type=_count, default=2, help="processes that work at the same time")
        parser.add_argument("--robot", default="", help="the robot's name in the library")
        parser.add_argument("--site", default="", help="whose the episodes are, when there are several sites")
        parser.add_argument("--server", default="", metavar="URL", help="upload to a running server over HTTP")
        parser.add_argument("--check", action="store_true", help="check each episode here and now, without a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._collect(options)
        except Refused as refused:
            raise CommandError(refused.sentence) from refused

    def _collect(self, options: dict[str, Any]) -> None:
        words = ["--world", options["world"], "--task", options["task"], "--size", options["size"]]
        robot = self._robot(options, words)
        plan = Plan(
            robot, options["world"], options["task"], options["episodes"], options["seed"], options["randomise"],
            options["keep_failures"], options["server"], options["check"], _worker_listens(),
        )  # fmt: skip
        words += ["--robot", robot.pk, "--server", plan.server]
        words += [
            f"--{name}" for name, wanted in (("keep-failures", plan.keep_failures), ("randomise", plan.randomise)) if wanted
        ]
        with homes(robot, options["workers"]) as folders:
            bring_left_behind(plan)
            crew = Crew(words, settings.BASE_DIR, folders)
            collection = Collection(plan, crew)
            self._run(collection, crew)

    def _robot(self, options: dict[str, Any], words: list[str]) -> Robot:
        description = describe(words, settings.BASE_DIR)
        body = decode_embodiment(msgspec.json.encode(description.embodiment))
        name = options["robot"] or f"collector-{options['world']}" + (
            "" if options["size"] == "320x240" else f"-{options['size']}"
        )
        return robots.recorder_of(_site(options["site"]), name, body, description.program)

    def _run(self, collection: Collection, crew: Crew) -> None:
        progress = Progress(collection)
        if collection.ended:
            self.stdout.write(progress.summary())
            return
        asked = Asked()
        crew.start()
        try:
            while not (collection.ended or asked.to_end):
                collection.turn()
                progress.say()
            if not collection.ended:
                self.stdout.write("Ending: the episodes under way are finished first. Ctrl-C again gives them up.")
                collection.finish(lambda: asked.to_give_up)
        finally:
            progress.end()
            crew.end(kill=asked.to_give_up)
            asked.forget()
        self.stdout.write(progress.summary())
        if not asked.to_end:
            collection.check_enough()


class Asked:
    """Ctrl-C or SIGTERM: once to end in order, twice to give up."""

    def __init__(self) -> None:
        self._times = 0
        self._before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}

    @property
    def to_end(self) -> bool:
        return self._times > 0

    @property
    def to_give_up(self) -> bool:
        return self._times > 1

    def forget(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._times += 1


class Progress:
    """One line that says how far it is, how fast it goes and how long it will take."""

    def __init__(self, collection: Collection) -> None:
        self._collection, self._began_s, self._said_s = collection, time.monotonic(), 0.0
        self._terminal = sys.stdout.isatty()

    def say(self) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s >= (_SAID_EVERY_S if self._terminal else 10.0):
            self._said_s = now_s
            sys.stdout.write(f"\r\x1b[K{self.line()}" if self._terminal else f"{self.line()}\n")
            sys.stdout.flush()

    def end(self) -> None:
        if self._terminal and self._said_s:
            sys.stdout.write("\n")

    def line(self) -> str:
        tally, plan = self._collection.tally, self._collection.plan
        rate = tally.made / max(1e-9, time.monotonic() - self._began_s)
        left = f"{(plan.episodes - tally.have) / rate:.0f} s left" if rate else "starting"
        failed = f"  {tally.failed} failed" if tally.failed else ""
        return f"{plan.task}: {tally.have} of {plan.episodes}  {rate:.2f} episodes/s  {left}{failed}"

    def summary(self) -> str:
        tally, plan, spent_s = self._collection.tally, self._collection.plan, time.monotonic() - self._began_s
        mb = tally.size_bytes / 1e6 / max(1, tally.made)
        made = f"{tally.made} made in {spent_s:.0f} s ({tally.rows} frames, {mb:.2f} MB each)" if tally.made else "none made now"
        missed = f", {tally.failed} attempts failed, {tally.unsuited} seeds did not suit" if tally.failed + tally.unsuited else ""
        return f"{plan.task}: {tally.have} of {plan.episodes} demonstrations by {plan.robot.name}; {made}{missed}."


def _site(wanted: str) -> Site:
    """The site of that name; without one the only site there is."""
    sites = list(Site.objects.select_related("organisation").filter(**({"name": wanted} if wanted else {})).order_by("pk"))
    if len(sites) == 1:
        return sites[0]
    if not sites:
        where = f"There is no site named {wanted!r}." if wanted else "There is no site yet."
        raise Refused("site_unknown", f"{where} Make one in the administration, or start the demo once.")
    names = ", ".join(f"{site.name} ({site.organisation.name})" for site in sites)
    raise Refused("site_unclear", f"There are several sites: {names}. Name one with --site.")


def _worker_listens() -> bool:
    """Whether a broker takes messages: asked once, so that without one nothing waits for it at every episode."""
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except OperationalError:
        return False
    return True


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to 100000.")
    return int(text)
