"""Fills a new site for `serving_site`, in a process of its own: one organisation, robots with these keys, a policy."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from fleet.models import Organisation, Robot, Site
    from policies.services import registry
    from protocol.embodiment import decode_embodiment

    wanted = json.loads(sys.stdin.read())
    call_command("migrate", verbosity=0)
    body = decode_embodiment(wanted["body"].encode())
    organisation = Organisation.objects.create(name="Lab")
    site = Site.objects.create(organisation=organisation, name="West")
    about = {"embodiment": json.loads(wanted["body"]), "embodiment_hash": body.hash, "site": site}
    robots = [Robot.objects.create(name=f"robot-{n}", public_key=key, **about).pk for n, key in enumerate(wanted["keys"])]
    policy = registry.bring(Path(wanted["policy"]), organisation, None)
    print(json.dumps({"robots": robots, "policy": policy.pk}))


if __name__ == "__main__":
    main()
