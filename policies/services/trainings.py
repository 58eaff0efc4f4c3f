"""What people ask of trainings: begin one, end one.  And what a worker needs to know before it begins.  Permission was checked
by the caller.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from episodes.models import DatasetVersion
from fleet import audit
from fleet.models import Person
from policies.learning.folder import KIND
from policies.models import PolicyVersion, Training
from policies.services.recipes import config_of, recipe
from protocol.embodiment import decode_embodiment
from protocol.errors import Refused

_log = logging.getLogger(__name__)
WOKEN_AGAIN_S = 10.0  # the reconciler tells again of what still waits, so that words unheard need not pile up
MIB = 1024 * 1024
#: what a person can do about a problem, by its code
NEXT = {
    "version_withdrawn": "Freeze a version without what had to go, then train on that.",
    "version_damaged": "Prove the version on its page; bring its episodes back from a backup, or freeze one without them.",
    "dataset_damaged": "Prove the version on its page; bring its episodes back from a backup, or freeze one without them.",
    "episode_damaged": "Take the episode that is named out of the dataset, freeze a version, then train on that.",
    "dataset_empty": "Freeze a version with episodes in which somebody drove, then train on that.",
    "policy_embodiment": "Choose a base that was made for this kind of robot, or train from nothing.",
    "policy_missing": "Choose another base.",
    "policy_damaged": "Choose another base, or import this one again.",
    "policy_withdrawn": "Choose another base.",
    "training_diverged": "Train again with a lower rate.",
    "training_changed": "Train again: a new training begins from the start.",
    "gpu_absent": "Start a train worker on a machine with a GPU, or train again with the device auto.",
    "torch_missing": "Install requirements-learning.txt where the train worker runs, then train again.",
    "storage_full": "Make room where policies are kept, then train again, or let this one go on by manage.py resume_training.",
    "trainer_crashed": "Look at the worker's log. With little memory a smaller batch helps; then train again, or let this one go "
    "on by manage.py resume_training.",
    "policy_config": "Change what is named, then train again.",
}  # fmt: skip


#: what is no fault of the training: it keeps its checkpoint, so that it can go on where it was
GOES_ON = ("storage_full", "trainer_crashed")


def ask(
    version: DatasetVersion,
    base: PolicyVersion | None,
    recipe_name: str,
    name: str,
    changes: dict[str, Any],
    head: str | None,
    person: Person,
) -> Training:
    """A training that waits.

    Refused: `version_withdrawn`, `policy_withdrawn`, `policy_retired`, `base_missing`, `recipe_unknown`,
    `policy_config`, `policy_embodiment`.
    """
    _check_version(version)
    _check_base(base, version)
    config = config_of(recipe(recipe_name), base, changes, head)
    with transaction.atomic():
        training = Training.objects.create(
            organisation=version.dataset.organisation,
            name=" ".join(name.split())[:80],
            dataset_version=version,
            dataset_digest=version.digest,
            base=base,
            config=msgspec.to_builtins(config) | {"recipe": recipe_name},
            seed=config.learn.seed,
            total=config.learn.steps,
            asked_by=person,
        )
        audit.append(
            person.shown, "training_asked", training.pk, training.organisation_id,
            name=training.name, dataset=str(version), digest=version.digest, base=base.shown if base else "",
        )  # fmt: skip
        transaction.on_commit(wake)
    return training


def _check_version(version: DatasetVersion) -> None:
    if version.state != "frozen":
        raise Refused("version_withdrawn", f"{version} was withdrawn: {version.withdrawn_reason or 'no reason was written'}.")


def _check_base(base: PolicyVersion | None, version: DatasetVersion | None = None) -> None:
    if base is None:
        return
    if base.withdrawn_reason:
        raise Refused("policy_withdrawn", f"{base} was withdrawn: {base.withdrawn_reason}")
    if version is not None and base.stage == "retired":  # one that has begun goes on
        raise Refused("policy_retired", f"{base} is retired. Choose another base, or bring it back on its page.")
    if base.card.get("kind") != KIND:
        raise Refused(
            "base_missing", f"{base} is a policy of another kind, which is not trained here. Choose one of ours as base."
        )
    if version is not None and base.kinds and (kind := _kind(version)) not in base.kinds:
        raise Refused("policy_embodiment", f"{base} was made for another kind of robot than {kind[:8]} of {version}.")


def _kind(version: DatasetVersion) -> str:
    return decode_embodiment(msgspec.json.encode(version.content().embodiment)).kind


def cancel(training: Training, person: Person) -> Training:
    """`Refused("job_ended")` when there is nothing to end any more."""
    with transaction.atomic():
        if not training.ask_to_end(person.shown):
            raise Refused("job_ended", f"This training has ended already: it is {training.state}.")
        audit.append(person.shown, "training_cancelled", training.pk, training.organisation_id, name=training.name)
    return training


def resume(training: Training) -> None:
    """One that the machine failed waits again and goes on from its last checkpoint.  `Refused("job_ended")` for any other."""
    with transaction.atomic():
        failed = Training.objects.filter(pk=training.pk, state="failed", problem_code__in=GOES_ON)
        anew = {"problem": "", "problem_code": "", "next_action": "", "ended_at": None, "heartbeat": None, "owner": ""}
        if not failed.update(state="queued", asked_at=timezone.now(), **anew):
            sentence = f"Only a training that its machine failed goes on; this one is {training.state}. Train again."
            raise Refused("job_ended", sentence)
        audit.append("manage.py", "training_resumed", training.pk, training.organisation_id, name=training.name)
        transaction.on_commit(wake)


def wake(count: int = 1) -> None:
    """Tells workers to look.  Without a broker the rows wait for the reconciler."""
    from policies import jobs

    try:
        for _ in range(count):
            jobs.train.apply_async((), expires=WOKEN_AGAIN_S)
    except OperationalError as error:
        _log.warning("trainings wait: the broker cannot be reached (%s)", error)


def reconcile() -> None:
    """Wakes for what nobody does; lets go what must not be kept."""
    if waiting := Training.objects.orphaned().count():
        wake(min(waiting, 8))
    for training in Training.objects.filter(dataset_version__state="withdrawn").exclude(state__in=("queued", "running")):
        forget(training)


def forget(training: Training, goes_on: bool = False) -> None:
    """Everything of a training that shows its episodes or was on its way; metrics stay, and the checkpoint of one that may go
    on."""
    for path in (training.folder / "samples", training.folder / "data", training.folder / "policy"):
        shutil.rmtree(path, ignore_errors=True)
    for left in training.folder.glob("policy.training.part" if goes_on else "policy.training.*"):
        left.unlink(missing_ok=True)


def check(training: Training) -> None:
    """Before a worker begins; `Refused` with one of the codes of `NEXT`."""
    _check_version(training.dataset_version)
    _check_base(training.base)
    if not _torch_there():
        raise Refused("torch_missing", "This worker has no PyTorch, which training needs.")
    root = Path(settings.REINS_POLICIES_DIR)
    root.mkdir(parents=True, exist_ok=True)
    needed = max(200 * MIB, 6 * training.base.size_bytes if training.base else 0)  # and what optimisers remember
    room = shutil.disk_usage(root).free - settings.REINS_MEDIA_RESERVE_MB * MIB
    if room < needed:
        raise Refused(
            "storage_full", f"Training needs {needed // MIB} MiB where policies are kept; {max(0, room) // MIB} are free."
        )


def _torch_there() -> bool:
    from importlib.util import find_spec

    return find_spec("torch") is not None and find_spec("safetensors") is not None
