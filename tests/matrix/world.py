"""Who asks, and for what: people of every role, a visitor, strangers; the things of two organisations they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from django.test import Client
from django.utils import timezone

from dispatch import clips, places
from dispatch.models import HelpRequest, Run, Task
from episodes import storage
from episodes.models import Campaign, CampaignPrompt, DatasetJob, DatasetVersion, Episode, Erasure, Mark, Upload
from episodes.services import datasets
from fleet import robots
from fleet.models import Membership, Organisation, Person, Robot, Role, Site
from policies.models import Training
from policies.reading.trainings import picture
from tests.dispatch.rig import make_policy
from tests.fleet.conftest import Lab, make_lab
from tests.fleet.rig import BODY

THEIRS = "e" * 32  # id of the other organisation's episode
VISITOR, OUTSIDER, NEIGHBOUR = "visitor", "outsider", "neighbour"
ROLES = tuple(Role.values)
PERSONAS = (*ROLES, VISITOR, OUTSIDER, NEIGHBOUR)
SECRETS = ("kestrel-1", "Stack the secret blocks")  # words that only whoever may see our things may read
OTHER_BODY = msgspec.structs.replace(BODY, name="rebuilt")


@dataclass
class Things:
    """Ids that addresses name; `code` is the secret itself."""

    robot: str
    episode: str
    upload: str
    code_id: int
    code: str
    site: int
    organisation: int
    mark: int
    campaign: str
    dataset: str
    job: str  # that waits
    export: str  # that is done
    erasure: str
    policy: str
    training: str  # that waits, with a picture
    task: str
    run: str  # that holds in doubt
    request: str  # of it, with a clip


@dataclass
class MatrixWorld:
    """`ours` belongs to the Lab; `theirs` to the outsider's organisation.

    `neighbour` is administrator of another site of the Lab, and of nothing else.
    """

    lab: Lab
    neighbour: Person
    ours: Things
    theirs: Things

    def client(self, persona: str, **options: Any) -> Client:
        client = Client(**options)
        person = self.person(persona)
        if person is not None:
            client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    def person(self, persona: str) -> Person | None:
        others = {VISITOR: None, OUTSIDER: self.lab.outsider, NEIGHBOUR: self.neighbour}
        return others[persona] if persona in others else self.lab.people[persona]


def make_world(fields: dict[str, Any]) -> MatrixWorld:
    """`fields` of an episode whose files lie in the media folder."""
    lab = make_lab()
    east = Site.objects.create(organisation=lab.organisation, name="East")
    neighbour = Person.objects.create_user("neighbour", "n@lab.example", "correct horse")
    Membership.objects.create(person=neighbour, organisation=lab.organisation, site=east, role=Role.ADMIN)
    ours = _things(lab.robot, lab.site, lab.people["admin"], fields, fields["id"])
    nothing = {"instruction": "Nothing of ours"}
    other = {**fields, **nothing, "meta": {**fields["meta"], **nothing}}
    theirs = _things(lab.foreign, lab.foreign.site, lab.outsider, other, THEIRS)
    return MatrixWorld(lab, neighbour, ours, theirs)


def _things(robot: Robot, site: Site, admin: Person, fields: dict[str, Any], episode: str) -> Things:
    Robot.objects.filter(pk=robot.pk).update(
        held_reason="looked at",
        embodiment_offered={"hash": OTHER_BODY.hash, "differs": "name", "body": msgspec.to_builtins(OTHER_BODY)},
    )
    organisation: Organisation = site.organisation
    row = Episode.objects.create(**{**fields, "id": episode}, organisation=organisation, site=site, robot=robot)
    mark = Mark.objects.create(episode=row, row=0, camera="scene", name="cube", x=0.5, y=0.5)
    upload = Upload.objects.create(pk=robot.pk[::-1], robot=robot)
    new, code = robots.make_code(admin, site, f"new at {site.name}")
    campaign = Campaign.objects.create(organisation=organisation, site=site, name=fields["instruction"], state="open")
    campaign.robots.set([robot])
    CampaignPrompt.objects.create(campaign=campaign, place=0, instruction=fields["instruction"], goal=3)
    dataset, waiting, done = _dataset(admin, organisation, fields["instruction"])
    erasure = Erasure.objects.create(
        organisation=organisation, person_hash="0" * 64, reason="asked", asked_by="Ada", state="done"
    )
    request = _asking(robot, admin, fields["instruction"])
    run = request.run
    return Things(
        robot.pk, episode, upload.pk, new.pk, code, site.pk, organisation.pk, mark.pk, campaign.pk, dataset, waiting, done,
        erasure.pk, run.policy_id, _training(dataset, admin), run.task_id, run.pk, request.pk,
    )  # fmt: skip


def _asking(robot: Robot, person: Person, sentence: str) -> HelpRequest:
    """A run that holds in doubt and asks."""
    site = robot.site
    policy = make_policy(site.organisation)
    task = Task.objects.create(
        organisation=site.organisation, site=site, number=1, sentence=sentence, skill="lift", target="red cube", made_by=person
    )
    run = Run.objects.create(
        task=task, site=site, robot=robot, policy=policy, fence=1, phase="holding", order="", started_by=person, order_by=person
    )
    request = HelpRequest.objects.create(run=run, site=site, reason="doubt", pictures=1)
    clips.write(places.clip(run.pk, request.pk), [(1, {"main": b"jpeg"})])
    return request


def _training(dataset: str, person: Person) -> str:
    version = DatasetVersion.objects.get(dataset=dataset)
    training = Training.objects.create(
        organisation=version.dataset.organisation, name=version.dataset.name, dataset_version=version, asked_by=person
    )
    place = picture(training, 0, "scene")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"jpeg")
    return training.pk


def _dataset(admin: Person, organisation: Organisation, name: str) -> tuple[str, str, str]:
    """A dataset with version 1, work on it that waits, and an archive that is there."""
    dataset = datasets.make(admin, organisation, None, name, follows=True)
    version = datasets.freeze(dataset, "to be seen", admin)
    waiting = DatasetJob.objects.create(version=version, kind="verify", total=1)
    done = DatasetJob.objects.create(
        version=version, kind="export", state="done", ended_at=timezone.now(), result={"name": "a.tar", "sha256": "0" * 64}
    )
    storage.export(done.pk).write_bytes(b"archive")
    return dataset.pk, waiting.pk, done.pk
