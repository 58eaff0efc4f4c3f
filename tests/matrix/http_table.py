"""Every route and method of the site, and what it takes to be served.  A route that is not here fails the matrix."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fleet.rig import embodiment
from tests.matrix.world import NEIGHBOUR, OTHER_BODY, OUTSIDER, Things

# -- what it takes ---------------------------------------------------------------------------------
PUBLIC = "public"  # anybody, also without signing in
NOTHING = "nothing"  # there is nothing at this address for anybody
SIGNED_IN = "signed in"
SOMEWHERE = "administers somewhere"
WHOLE = "administers a whole organisation"
# at the robot, episode or site named by the address
SEE, REVIEW, CURATE, DRIVE, TRAIN, ADMINISTER = "see", "review", "curate", "drive", "train", "administer"
RUN = "run"
ROBOT = "robot"  # a robot's bearer token; never a person's session
STAFF = "staff"  # people of the installation itself, who are given /admin/ by hand; no role includes it

ANYWHERE = {SOMEWHERE: ("admin", OUTSIDER, NEIGHBOUR), WHOLE: ("admin", OUTSIDER)}
AT_A_THING = (SEE, REVIEW, CURATE, DRIVE, RUN, TRAIN, ADMINISTER)


@dataclass(frozen=True)
class Row:
    """`body` makes the JSON of a request about these things; `ok` are the answers of a request that is served.

    `any_site`: the thing is the organisation's, and a role at any of its sites counts.
    """

    need: str
    body: Callable[[Things], dict[str, Any]] | None = None
    query: str = ""
    ok: tuple[int, ...] = (200,)
    any_site: bool = False
    whole: bool = False  # seen like that, but changed only with a role in the whole organisation


def _enrolment(things: Things) -> dict[str, Any]:
    key = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    return {"code": things.code, "public_key": key, "embodiment": embodiment(), "program": "1", "protocol": 1}


def _upload(things: Things) -> dict[str, Any]:
    return {"episode": things.upload, "files": {}}


def _training(things: Things) -> dict[str, Any]:
    return {"dataset": things.dataset, "version": 1, "recipe": "starter", "name": "wanted"}


MARK = {"row": 0, "camera": "scene", "name": "cube", "x": 0.5, "y": 0.5}
#: route -> method -> row
ROUTES: dict[str, dict[str, Row]] = {
    # pages
    "": {"GET": Row(SIGNED_IN)},
    "robots/new/": {"GET": Row(SOMEWHERE)},
    "robots/<str:robot>/masks/": {"GET": Row(ADMINISTER)},
    "audit/": {"GET": Row(WHOLE)},
    "sign-in/": {"GET": Row(PUBLIC, ok=(200, 302)), "POST": Row(PUBLIC, ok=(200, 302))},
    "sign-out/": {"POST": Row(PUBLIC, ok=(302,))},
    "healthz": {"GET": Row(PUBLIC)},
    "teleop/<str:robot>/": {"GET": Row(SEE)},
    "episodes/": {"GET": Row(SIGNED_IN)},
    "episodes/<episode:id>/": {"GET": Row(SEE)},
    "episodes/<episode:id>/columns.f32": {"GET": Row(SEE)},
    "episodes/<episode:id>/poster.jpg": {"GET": Row(SEE)},
    "episodes/<episode:id>/strip.jpg": {"GET": Row(SEE)},
    "episodes/<episode:id>/video/<slug:camera>.mp4": {"GET": Row(SEE)},
    # the fleet
    "api/": {"GET": Row(NOTHING)},
    "api/openapi.json": {"GET": Row(PUBLIC)},
    "api/robots": {"GET": Row(SIGNED_IN)},
    "api/robots/enrol": {"POST": Row(PUBLIC, _enrolment)},
    "api/robots/<id>": {"GET": Row(SEE), "PATCH": Row(ADMINISTER, lambda _: {"name": "renamed", "version": 1})},
    "api/robots/<id>/revoke": {"POST": Row(ADMINISTER)},
    "api/robots/<id>/release-hold": {"POST": Row(ADMINISTER)},
    "api/robots/<id>/accept-embodiment": {"POST": Row(ADMINISTER, lambda _: {"hash": OTHER_BODY.hash})},
    "api/robots/<id>/masks": {"GET": Row(ADMINISTER), "PUT": Row(ADMINISTER, lambda _: {"version": 0, "cameras": {}})},
    "api/robots/<id>/rotate": {"POST": Row(ADMINISTER)},
    "api/robots/<id>/snapshot.jpg": {"GET": Row(SEE)},
    "api/enrolment-codes": {"POST": Row(ADMINISTER, lambda things: {"site": things.site, "name": "wanted"})},
    "api/enrolment-codes/<id>": {"GET": Row(ADMINISTER)},
    "api/audit": {"GET": Row(WHOLE)},
    # episodes
    "api/episodes": {"GET": Row(SIGNED_IN)},
    "api/episodes/<id>": {
        "GET": Row(SEE),
        "PATCH": Row(REVIEW, lambda _: {"version": 1, "outcome": "failure"}),
        "DELETE": Row(REVIEW, query="?version=1"),
    },
    "api/episodes/<id>/restore": {"POST": Row(REVIEW)},
    "api/episodes/<id>/events": {"GET": Row(SEE)},
    # reviewing
    "api/reviews/next": {"GET": Row(SIGNED_IN)},
    "api/episodes/<id>/beside": {"GET": Row(SEE)},
    "api/episodes/<id>/reviews": {
        "GET": Row(SEE),
        "POST": Row(REVIEW, lambda _: {"version": 1, "outcome": "failure"}, ok=(409,)),  # nobody asked for it
    },
    "api/episodes/<id>/marks": {"GET": Row(SEE), "POST": Row(REVIEW, lambda _: MARK)},
    "api/episodes/<id>/marks/<mark>": {
        "PATCH": Row(REVIEW, lambda _: {"version": 1, "name": "tray"}),
        "DELETE": Row(REVIEW, ok=(204,)),
    },
    "api/episodes/<id>/instructions": {"GET": Row(SEE)},
    "api/organisations/<id>/failure-kinds": {
        "GET": Row(SEE),
        "PUT": Row(CURATE, lambda _: {"version": 0, "kinds": [{"name": "dropped", "was": "dropped"}]}),
    },
    # the library
    "api/library": {"GET": Row(SIGNED_IN)},
    "api/library/counts": {"GET": Row(SIGNED_IN)},
    "api/library/groups": {"GET": Row(SIGNED_IN, query="?by=task")},
    "api/library/choices": {"GET": Row(SIGNED_IN)},
    "api/library/ids": {"GET": Row(SIGNED_IN)},
    "api/library/label": {"POST": Row(REVIEW, lambda things: {"ids": [things.episode], "outcome": "failure"})},
    "api/library/undo": {"POST": Row(SIGNED_IN, lambda things: {"undo": things.robot}, ok=(404,))},  # nobody's
    "api/library/filters": {
        "GET": Row(SIGNED_IN),
        "POST": Row(SIGNED_IN, lambda _: {"name": "mine", "query": "outcome=failure"}),
    },
    "api/library/filters/<id>": {"DELETE": Row(SIGNED_IN, ok=(404,))},
    # datasets
    "datasets/": {"GET": Row(SIGNED_IN)},
    "datasets/<episode:id>/": {"GET": Row(SEE)},
    "datasets/<episode:id>/exports/<episode:job>.tar": {"GET": Row(SEE)},
    "api/datasets": {"GET": Row(SIGNED_IN), "POST": Row(CURATE, lambda things: {"name": "wanted", "site": things.site})},
    "api/datasets/<id>": {
        "GET": Row(SEE),
        "PATCH": Row(CURATE, lambda _: {"version": 1, "name": "renamed"}),
        "DELETE": Row(CURATE, query="?version=1"),
    },
    "api/datasets/<id>/restore": {"POST": Row(CURATE)},
    "api/datasets/<id>/picks": {"POST": Row(CURATE, lambda things: {"picks": {things.episode: "removed"}})},
    "api/datasets/<id>/draft": {"GET": Row(SEE)},
    "api/datasets/<id>/versions": {"POST": Row(CURATE, lambda _: {"version": 1})},
    "api/datasets/<id>/versions/<number>": {"GET": Row(SEE)},
    "api/datasets/<id>/versions/<number>/jobs": {"POST": Row(CURATE, lambda _: {"kind": "verify"})},
    "api/datasets/<id>/changes": {"GET": Row(SEE, query="?before=1&after=draft")},
    "api/datasets/<id>/statistics": {"GET": Row(SEE)},
    "api/datasets/<id>/jobs": {"GET": Row(SEE)},
    "api/datasets/<id>/jobs/<job>/cancel": {"POST": Row(CURATE)},
    "api/episodes/<id>/datasets": {"GET": Row(SEE)},
    # trainings and policies
    "trainings/": {"GET": Row(SIGNED_IN)},
    "trainings/compare/": {"GET": Row(SIGNED_IN)},
    "trainings/<episode:id>/": {"GET": Row(SEE)},
    "trainings/<episode:id>/samples/<int:frame>.<slug:camera>.jpg": {"GET": Row(SEE)},
    "policies/": {"GET": Row(SIGNED_IN)},
    "policies/<episode:id>/": {"GET": Row(SEE, any_site=True)},
    "policies/<episode:id>/export.tar": {"GET": Row(TRAIN, whole=True, ok=(422,))},  # it has no files here
    "api/trainings": {"GET": Row(SIGNED_IN), "POST": Row(TRAIN, _training)},
    "api/trainings/choices": {"GET": Row(SIGNED_IN)},
    "api/trainings/<id>": {"GET": Row(SEE)},
    "api/trainings/<id>/curves": {"GET": Row(SEE)},
    "api/trainings/<id>/samples": {"GET": Row(SEE)},
    "api/trainings/<id>/cancel": {"POST": Row(TRAIN)},
    "api/policies": {"GET": Row(SIGNED_IN)},
    "api/policies/<id>": {
        "GET": Row(SEE, any_site=True),
        "PATCH": Row(TRAIN, lambda _: {"version": 1, "stage": "shadow"}, whole=True),
    },
    "api/policies/<id>/withdraw": {"POST": Row(TRAIN, lambda _: {"version": 1, "reason": "It broke."}, whole=True)},
    "api/policy-imports": {
        "GET": Row(SIGNED_IN),
        "POST": Row(TRAIN, lambda things: {"organisation": things.organisation, "bytes": 10}),
    },
    "api/policy-imports/<id>/pieces": {"PUT": Row(SIGNED_IN, query="?offset=0", ok=(404,))},  # nobody's
    "api/policy-imports/<id>/complete": {"POST": Row(SIGNED_IN, ok=(404,))},
    "api/policy-imports/<id>/cancel": {"POST": Row(SIGNED_IN, ok=(404,))},
    # campaigns
    "campaigns/": {"GET": Row(SIGNED_IN)},
    "campaigns/<str:id>/": {"GET": Row(SEE)},
    "api/campaigns": {"GET": Row(SIGNED_IN), "POST": Row(TRAIN, lambda things: {"site": things.site, "name": "wanted"})},
    "api/campaigns/<id>": {"GET": Row(SEE), "PATCH": Row(TRAIN, lambda _: {"version": 1, "name": "renamed"})},
    "api/campaigns/<id>/state": {"POST": Row(TRAIN, lambda _: {"version": 1, "state": "paused"})},
    "api/campaigns/<id>/turn": {"POST": Row(DRIVE, lambda things: {"robot": things.robot})},
    # tasks, runs, help; no robot here is connected, so nothing can be started or go on
    "tasks/": {"GET": Row(SIGNED_IN)},
    "tasks/new/": {"GET": Row(SIGNED_IN)},
    "runs/<str:id>/": {"GET": Row(SEE)},
    "help/": {"GET": Row(SIGNED_IN)},
    "help/<str:id>/": {"GET": Row(SEE)},
    "api/tasks": {
        "GET": Row(SIGNED_IN),
        "POST": Row(
            RUN, lambda things: {"sentence": "Lift the red cube", "robot": things.robot, "policy": things.policy}, ok=(409,)
        ),
    },
    "api/tasks/choices": {"GET": Row(SIGNED_IN)},
    "api/tasks/check": {"POST": Row(SIGNED_IN, lambda things: {"sentence": "Lift it", "policy": things.policy}, ok=(200, 404))},
    "api/tasks/<id>": {"GET": Row(SEE)},
    "api/tasks/<id>/runs": {
        "POST": Row(RUN, lambda things: {"version": 1, "robot": things.robot, "policy": things.policy}, ok=(409,))
    },
    "api/robots/<id>/run": {"GET": Row(SEE)},
    "api/episodes/<id>/run": {"GET": Row(SEE)},
    "api/runs/<id>": {"GET": Row(SEE)},
    "api/runs/<id>/live": {"GET": Row(SEE)},
    "api/runs/<id>/trace": {"GET": Row(SEE)},
    "api/runs/<id>/picture.jpg": {"GET": Row(SEE)},
    "api/runs/<id>/resume": {"POST": Row(RUN, ok=(409,))},
    "api/runs/<id>/end": {"POST": Row(RUN, lambda _: {"result": "failure"})},
    "api/runs/<id>/judge": {"POST": Row(RUN, lambda _: {"version": 1, "result": "failure"}, ok=(409,))},
    "api/help": {"GET": Row(SIGNED_IN)},
    "api/help/waiting": {"GET": Row(SIGNED_IN)},
    "api/help/<id>": {"GET": Row(SEE)},
    "api/help/<id>/clip": {"GET": Row(SEE)},
    "api/help/<id>/take": {"POST": Row(RUN, lambda _: {"version": 1})},
    "api/help/<id>/give-back": {"POST": Row(RUN, lambda _: {"version": 1})},
    "api/help/<id>/answer": {"POST": Row(RUN, lambda _: {"version": 1, "answer": "end"})},
    "api/help/<id>/verdict": {"POST": Row(RUN, lambda _: {"needless": True})},
    # policies
    "api/policies/<id>/serving": {"GET": Row(SEE, any_site=True)},
    # how long data is kept, what has to go
    "privacy/": {"GET": Row(WHOLE)},
    "api/privacy": {"GET": Row(WHOLE)},
    "api/sites/<id>/retention": {"PUT": Row(ADMINISTER, lambda _: {"version": 0, "grace_days": 7, "rules": []})},
    "api/sites/<id>/retention/preview": {"POST": Row(ADMINISTER, lambda _: {"rules": [{"kind": "failure", "days": 30}]})},
    "api/organisations/<id>/people/<uid>/erasure": {"GET": Row(ADMINISTER)},
    "api/organisations/<id>/erasures": {"POST": Row(ADMINISTER, lambda _: {"person": "p1", "reason": "asked", "confirm": 1})},
    "api/organisations/<id>/erasures/<erasure>": {"GET": Row(ADMINISTER)},
    # what robots bring
    "api/uploads": {"POST": Row(ROBOT, _upload)},
    "api/uploads/<id>": {"GET": Row(ROBOT)},
    "api/uploads/<id>/pieces": {"PUT": Row(ROBOT, query="?path=episode.json&offset=0", ok=(400,))},  # announced nothing
    "api/uploads/<id>/complete": {"POST": Row(ROBOT, ok=(200, 422))},
}

_PLAIN = ("", "login/", "logout/", "search/", "password_change/", "password_change/done/", "autocomplete/", "jsi18n/")
_MODELS = (
    "auth/group", "axes/accessattempt", "axes/accesslog", "axes/accessfailurelog", "django_celery_beat/periodictask",
    "django_celery_beat/clockedschedule", "django_celery_beat/crontabschedule", "django_celery_beat/solarschedule",
    "django_celery_beat/intervalschedule", "fleet/person", "fleet/organisation", "fleet/site", "fleet/membership",
    "fleet/robot", "fleet/enrolmentcode", "fleet/auditentry",
)  # fmt: skip
_OF_ONE = ("<path:object_id>/history/", "<path:object_id>/delete/", "<path:object_id>/change/", "<path:object_id>/")
_OF_A_MODEL = ("", "add/", *_OF_ONE)
#: routes of Django's admin, all of them for STAFF but the first two
ADMIN_PUBLIC = ("admin/login/", "admin/jsi18n/")
ADMIN = {
    *(f"admin/{rest}" for rest in _PLAIN),
    *(f"admin/{model}/{rest}" for model in _MODELS for rest in _OF_A_MODEL),
    "admin/fleet/person/<id>/password/",
    "admin/r/<path:content_type_id>/<path:object_id>/",
    "admin/^(?P<app_label>auth|axes|django_celery_beat|fleet)/$",
    "admin/(?P<url>.*)$",
}


def address(route: str, things: Things) -> str:
    """The address of a route about these things."""
    ids: dict[str, Any] = {
        "api/robots/<id>": things.robot, "teleop/<str:robot>": things.robot, "robots/<str:robot>": things.robot,
        "api/episodes/<id>": things.episode,
        "episodes/<episode:id>": things.episode, "api/uploads/<id>": things.upload,
        "api/enrolment-codes/<id>": things.code_id, "api/organisations/<id>": things.organisation,
        "campaigns/<str:id>": things.campaign,
        "api/campaigns/<id>": things.campaign, "api/sites/<id>": things.site,
        "api/tasks/<id>": things.task, "api/runs/<id>": things.run, "runs/<str:id>": things.run,
        "api/help/<id>": things.request, "help/<str:id>": things.request,
        "api/trainings/<id>": things.training, "trainings/<episode:id>": things.training,
        "api/policies/<id>": things.policy, "policies/<episode:id>": things.policy, "api/policy-imports/<id>": things.robot,
        "api/datasets/<id>": things.dataset, "datasets/<episode:id>": things.dataset,
    }  # fmt: skip
    for start, id in ids.items():
        if route.startswith(start):
            route = start.split("<")[0] + str(id) + route[len(start) :]
    parts = {
        "<slug:camera>": "scene", "<int:frame>": "0", "<mark>": str(things.mark), "<number>": "1", "<job>": things.job,
        "<episode:job>": things.export, "<uid>": "p1", "<erasure>": things.erasure,
    }  # fmt: skip
    for part, text in parts.items():
        route = route.replace(part, text)
    return "/" + route


def admin_address(route: str) -> str:
    for pattern, text in (
        ("^(?P<app_label>auth|axes|django_celery_beat|fleet)/$", "fleet/"),
        ("(?P<url>.*)$", "whatever"),
        ("<path:object_id>", "1"),
        ("<path:content_type_id>", "1"),
        ("<id>", "1"),
    ):
        route = route.replace(pattern, text)
    return "/" + route


def json_of(row: Row, things: Things) -> str:
    return json.dumps(row.body(things)) if row.body else "{}"
