"""What pages show of policies: rows, what they come from and what came of them, files, history."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from fleet.models import AuditEntry
from policies.learning.config import ModelConfig
from policies.learning.folder import CALIBRATION, CARD, CONFIG, KIND
from policies.models import PolicyVersion

CALIBRATE = "python -m policies.learning.calibrate FOLDER EPISODES does that for an export of it; then import it again."
ACTS = {
    "policy_brought": "Brought in",
    "policy_changed": "Changed",
    "policy_withdrawn": "Withdrawn",
    "policy_exported": "Exported",
    "training_done": "Training finished",
}


def row(policy: PolicyVersion) -> dict[str, Any]:
    return {
        "id": policy.pk,
        "url": f"/policies/{policy.pk}/",
        "shown": policy.shown,
        "name": policy.name,
        "number": policy.number,
        "stage": policy.stage,
        "organisation": policy.organisation.name,
        "skills": policy.skills,
        "things": policy.things,
        "robots": _robots(policy),
        "parameters": policy.card.get("parameters", 0),
        "size_bytes": policy.size_bytes,
        "made_at": policy.made_at,
        "made_by": policy.made_by,
        "base": policy.base.shown if policy.base else "",
        "dataset": _dataset(policy),
        "calibrated": bool(policy.calibration),
        "withdrawn_reason": policy.withdrawn_reason,
    }


def _dataset(policy: PolicyVersion) -> str:
    """What it learnt from as its card says, which somebody may have written by hand."""
    told = policy.card.get("lineage", {}).get("dataset")
    if isinstance(told, dict):
        return " ".join(str(told[name]) for name in ("name", "version") if name in told)
    return str(told) if told else ""


def _robots(policy: PolicyVersion) -> list[str]:
    """None for a policy of another kind than ours, or when its file is gone or damaged."""
    config = _config(policy)
    return [body.embodiment.name for body in config.bodies] if config else []


def _config(policy: PolicyVersion) -> ModelConfig | None:
    """None as above."""
    if policy.card.get("kind") != KIND:
        return None
    try:
        return _read(policy.folder / CONFIG)
    except (OSError, msgspec.DecodeError):
        return None


@lru_cache(maxsize=1000)
def _read(path: Path) -> ModelConfig:
    """A list shows hundreds and asks again and again; files of a policy never change."""
    return msgspec.json.decode(path.read_bytes(), type=ModelConfig)


def detail(policy: PolicyVersion, may_change: bool) -> dict[str, Any]:
    return row(policy) | {
        "version": policy.version,
        "sha256": policy.sha256,
        "card": policy.card,
        "model": _model(policy),
        "calibration": policy.calibration,
        "cameras": policy.cameras,
        "lineage": lineage(policy),
        "files": files(policy),
        "history": history(policy),
        "next_stages": [stage for stage in policy.TRANSITIONS[policy.stage] if not policy.withdrawn_reason or stage == "retired"],
        "warnings": warnings(policy),
        "export_url": f"/policies/{policy.pk}/export.tar" if may_change else "",
        "may_change": may_change,
    }


def _model(policy: PolicyVersion) -> dict[str, Any]:
    config = _config(policy)
    if config is None:
        return {}
    return {
        "head": config.head,
        "width": config.width,
        "layers": config.layers,
        "chunk": config.chunk,
        "step_s": config.step_s,
        "slots": {slot.name: [slot.width, slot.height] for slot in config.slots},
        "bodies": [{"name": body.embodiment.name, "sees": list(body.proprioception)} for body in config.bodies],
    }


def lineage(policy: PolicyVersion) -> list[dict[str, Any]]:
    """From its data to what was made from it."""
    steps: list[dict[str, Any]] = []
    said, training = policy.card.get("lineage", {}), policy.training
    if name := _dataset(policy):
        dataset = said["dataset"] if isinstance(said["dataset"], dict) else {}
        version = training.dataset_version if training else None
        digest = f", sha256 {str(dataset['digest'])[:12]}" if "digest" in dataset else ""
        about = f"{policy.card.get('data', {}).get('episodes', '?')} episodes{digest}"
        withdrawn = ", withdrawn" if version is not None and version.state != "frozen" else ""
        url = f"/datasets/{version.dataset_id}/" if version is not None else ""
        steps.append(_step("dataset", f"Dataset {name}", about + withdrawn, url, None))
    for name, told in said.items():
        if isinstance(told, str) and name not in ("training", "code", "dataset"):
            steps.append(_step("dataset", name.replace("_", " ").capitalize(), told, "", None))
    if policy.base:
        base = policy.base
        steps.append(_step("base", base.shown, "where it went on from", f"/policies/{base.pk}/", base.made_at))
    if training:
        about = f"{training.step} steps, recipe {training.config.get('recipe', '')}, seed {training.seed}"
        steps.append(_step("training", f"Training {training.name}", about, f"/trainings/{training.pk}/", training.ended_at))
    megabytes = policy.size_bytes / 1e6
    about = f"{policy.card.get('parameters', 0) / 1e6:.2f} M weights, {megabytes:.1f} MB, sha256 {policy.sha256[:12]}"
    steps.append(_step("policy", policy.shown, about, "", policy.made_at))
    for child in policy.children.order_by("made_at")[:20]:
        steps.append(_step("child", child.shown, f"went on from it, {child.stage}", f"/policies/{child.pk}/", child.made_at))
    return steps


def _step(kind: str, title: str, about: str, url: str, at: Any) -> dict[str, Any]:
    return {"kind": kind, "title": title, "about": about, "url": url, "at": at}


def files(policy: PolicyVersion) -> list[dict[str, Any]]:
    known = {**policy.card.get("files", {}), CARD: policy.sha256}
    if "sha256" in policy.calibration:
        known[CALIBRATION] = policy.calibration["sha256"]
    found = []
    for name, sha256 in sorted(known.items()):
        path = policy.folder / name
        found.append({"name": name, "bytes": path.stat().st_size if path.exists() else 0, "sha256": sha256})
    return found


def history(policy: PolicyVersion) -> list[dict[str, Any]]:
    subjects = [policy.pk, *([policy.training_id] if policy.training_id else [])]
    entries = AuditEntry.objects.filter(subject__in=subjects, act__in=ACTS).order_by("-number")[:30]
    return [{"at": one.at, "who": one.actor, "what": _act(one)} for one in entries]


def _act(entry: AuditEntry) -> str:
    stage = entry.detail.get("after", {}).get("stage") if entry.act == "policy_changed" else None
    return f"Now {stage}" if stage else ACTS[entry.act]


def warnings(policy: PolicyVersion) -> list[str]:
    """What whoever lets it drive should know."""
    found = []
    if policy.withdrawn_reason:
        found.append(f"Withdrawn: {policy.withdrawn_reason}")
    if policy.training is not None and policy.training.dataset_version.state != "frozen":
        found.append(f"The dataset version that it learnt from was withdrawn: {policy.training.dataset_version.withdrawn_reason}")
    if not policy.calibration:
        found.append(f"Its doubt is not calibrated: it cannot say when it should ask. {CALIBRATE}")
    if not policy.skills:
        found.append("No skill is named: nobody can ask it for anything until somebody says what it can do.")
    return found
