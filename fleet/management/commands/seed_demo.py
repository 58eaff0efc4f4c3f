"""`manage.py seed_demo --codes a,b`: the demo's organisation, people with known passwords, enrolment codes.  Safe to repeat."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from fleet import robots
from fleet.models import Membership, Organisation, Person, Robot, Role, Site

PASSWORD = "reins-demo"  # noqa: S105  # only with REINS_DEMO, which production refuses
PEOPLE = (
    ("operator@demo.example", "Mina", "Okafor", (Role.OPERATOR, Role.REVIEWER)),
    ("dispatcher@demo.example", "Jonas", "Lind", (Role.DISPATCHER,)),
    ("engineer@demo.example", "Priya", "Raman", (Role.ENGINEER,)),
    ("viewer@demo.example", "Tom", "Ortiz", (Role.VIEWER,)),
    ("admin@demo.example", "Ada", "Berg", (Role.ADMIN,)),
)


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--codes", default="", help="names of robots to make enrolment codes for, comma-separated")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REINS_DEMO:
            raise CommandError("seed_demo makes people with known passwords; it runs only with REINS_DEMO=1.")
        organisation, _ = Organisation.objects.get_or_create(name="Demo lab")
        site, _ = Site.objects.get_or_create(organisation=organisation, name="Lab West")
        people = [self._person(organisation, *person) for person in PEOPLE]
        admin = Person.objects.get(username="admin@demo.example")
        names = [name for name in options["codes"].split(",") if name]
        for stale in Robot.objects.filter(site=site, name__in=names):  # its folder is gone, so its key is too
            robots.revoke(admin, stale)
        # its robots are this checkout's own program, which may describe them anew when it was updated
        Robot.objects.filter(site=site).update(embodiment_hash="")
        codes = {name: robots.make_code(admin, site, name)[1] for name in names}
        self.stdout.write(json.dumps({"people": people, "codes": codes}))

    def _person(self, where: Organisation, email: str, first: str, last: str, roles: tuple[Role, ...]) -> dict[str, str]:
        person, new = Person.objects.get_or_create(
            username=email, defaults={"email": email, "first_name": first, "last_name": last}
        )
        if new:
            person.set_password(PASSWORD)
            person.is_staff = person.is_superuser = Role.ADMIN in roles
            person.save()
        for role in roles:
            Membership.objects.get_or_create(person=person, organisation=where, site=None, role=role)
        return {"email": email, "password": PASSWORD, "roles": ", ".join(roles)}
