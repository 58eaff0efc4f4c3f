"""Fine-tuning of models that say actions as words: the loss on the words of the next actions, adapters or the whole model.

Called by `policies.learning.train` when the base is of this kind.  A batch is a function of (seed, step); a training that was
killed begins anew.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from policies.learning import lora
from policies.learning.config import Body, CameraSlot, Config, LearnConfig, ModelConfig
from policies.learning.folder import CONFIG, Card, sync
from policies.learning.paraphrases import paraphrase
from policies.learning.read import Recorded, choices, read
from policies.learning.schedule import parted, rate
from policies.learning.weights import classes, sampling
from policies.learning.zoo import sealed
from policies.learning.zoo.discrete.config import STATISTICS, DiscreteConfig, pictures
from policies.learning.zoo.discrete.policy import DiscretePolicy, open_discrete
from protocol.errors import Refused
from protocol.policy import Observation

Report = Callable[[dict[str, Any]], None]
NOTHING = -100  # a word that nobody is judged by
CHECK_ROWS = 64  # of held-out steps


@dataclass(frozen=True, slots=True)
class Steps:
    """N steps of all episodes: which episode and which of its steps, and the chance of each."""

    episodes: list[Recorded]
    episode: NDArray[np.int64]
    step: NDArray[np.int64]
    chance: NDArray[np.float64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.episode)


def train(config: Config, report: Report) -> Card:
    """Refused: `policy_config`, `dataset_empty`, `dataset_damaged`, `episode_damaged`, `policy_embodiment`, `training_diverged`,
    and as by `open_discrete`."""
    learn, began_s = config.learn, time.process_time()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise Refused("policy_config", "Policies of this kind learn in one process. Start it without torchrun.")
    torch.set_num_threads(learn.threads)
    torch.manual_seed(learn.seed)
    policy = open_discrete(Path(config.base))
    chosen = choices(Path(config.episodes))
    seen = seen_as(policy.config)
    learnt, aside = parted([read(choice, seen) for choice in chosen], learn)
    steps, check = _steps(learnt, seen), _steps(aside, seen) if aside else None
    if config.lora is not None:
        lora.adapted(policy.model, config.lora)
    optimiser = torch.optim.AdamW(lora.learnable(policy.model), lr=learn.rate, weight_decay=learn.decay)
    report({"event": "began", "step": 0, "steps": learn.steps, "windows": len(steps), "set_aside": len(aside),
            "parameters": policy.card.parameters, "processes": 1, "device": policy.model.device.type})  # fmt: skip
    figures: dict[str, float] = {}
    policy.model.train()
    for step in range(1, learn.steps + 1):
        loss, gradient = _learn(policy, optimiser, steps, learn, step - 1)
        if step % learn.report_every == 0 or step == learn.steps:
            report({"event": "step", "step": step, **_line(loss, gradient, learn, step),
                    "cpu_s": round(time.process_time() - began_s, 2)})  # fmt: skip
        if step % learn.save_every == 0 or step == learn.steps:
            figures = _checked(policy, check)
            report({"event": "checked", "step": step, **figures})
    spent_s = round(time.process_time() - began_s, 1)
    card = _save(config, policy, learnt, figures, spent_s)
    report({"event": "done", "step": learn.steps, "cpu_s": spent_s, "out": config.out})
    return card


def seen_as(config: DiscreteConfig) -> ModelConfig:
    """How the episodes are read: at the policy's rate, each camera in the size that is worth it."""
    sizes: dict[str, list[int]] = {}
    for body in config.bodies:
        for camera, size in pictures(body).items():
            sizes[camera] = [max(pair) for pair in zip(sizes.get(camera, size), size, strict=True)]
    slots = tuple(CameraSlot(name=name, width=max(8, wide), height=max(8, high)) for name, (wide, high) in sizes.items())
    bodies = tuple(
        Body(embodiment=body.embodiment, proprioception=(), cameras={camera: camera for camera in body.cameras})
        for body in config.bodies
    )
    return ModelConfig(step_s=config.step_s, slots=slots, bodies=bodies)


def _steps(episodes: list[Recorded], seen: ModelConfig) -> Steps:
    if not episodes:
        raise Refused("dataset_empty", "Every episode is set aside: there is nothing to learn from.")
    counts = [len(one.state) for one in episodes]
    kinds = np.concatenate([classes(one.pilots, seen.step_s) for one in episodes])
    if not (kinds >= 0).any():
        raise Refused("dataset_empty", "Nobody drove in these episodes: there is nothing to learn from.")
    chance = sampling(kinds, np.repeat([one.choice.weight for one in episodes], counts))
    return Steps(episodes, np.repeat(np.arange(len(episodes)), counts), np.concatenate([np.arange(n) for n in counts]), chance)


def loss_of(policy: DiscretePolicy, batch: list[tuple[Observation, NDArray[np.float32]]]) -> tuple[Tensor, Tensor]:
    """Of observations and actions [steps, A]: the mean loss of the words that are for an axis, and how many of them it would
    have said."""
    asked = policy.inputs([one for one, _ in batch])
    wanted = [policy.words[one.kind].ids(actions).reshape(-1) for one, actions in batch]
    longest = max(len(ids) for ids in wanted)
    ids = np.stack([np.pad(row, (0, longest - len(row)), mode="edge") for row in wanted])
    judged = np.full_like(ids, NOTHING)
    for row, (one, actions) in enumerate(batch):
        for column in (index for index, column in enumerate(policy.body(one).columns) if column.axis):
            every = slice(column, len(wanted[row]), len(wanted[row]) // len(actions))
            judged[row, every] = ids[row, every]
    given = policy.followed(asked, list(ids))
    told = policy.model(**given).logits[:, -longest - 1 : -1].float()
    labels = torch.from_numpy(judged).to(told.device)
    loss = F.cross_entropy(told.flatten(0, 1), labels.flatten(), ignore_index=NOTHING)
    counted = labels != NOTHING
    return loss, ((told.argmax(-1) == labels) & counted).sum() / counted.sum()


def _learn(
    policy: DiscretePolicy, optimiser: torch.optim.Optimizer, steps: Steps, learn: LearnConfig, step: int
) -> tuple[float, float]:
    for group in optimiser.param_groups:
        group["lr"] = rate(learn, step)
    rng = np.random.default_rng([learn.seed, step])
    rows = rng.choice(len(steps), learn.batch, p=steps.chance)
    loss, _ = loss_of(policy, [_example(policy, steps, int(row), rng) for row in rows])
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = torch.nn.utils.clip_grad_norm_(lora.learnable(policy.model), learn.clip)
    optimiser.step()
    return float(loss.detach()), float(gradient)


def _example(
    policy: DiscretePolicy, steps: Steps, row: int, rng: np.random.Generator | None = None
) -> tuple[Observation, NDArray[np.float32]]:
    one, at = steps.episodes[steps.episode[row]], int(steps.step[row])
    body = policy.config.bodies[one.body]
    said = paraphrase(one.instruction, rng) if rng is not None else one.instruction
    images = {camera: one.pictures[camera][at] for camera in body.cameras}
    rates = np.array([axis.is_rate for axis in body.embodiment.action])
    after = np.arange(at, at + policy.config.steps)
    ended = (after >= len(one.actions))[:, None] & rates
    actions = np.where(ended, np.float32(0), one.actions[np.minimum(after, len(one.actions) - 1)])
    return Observation(0, body.embodiment.kind, said, one.state[at], images), actions


def _line(loss: float, gradient: float, learn: LearnConfig, step: int) -> dict[str, float]:
    if not (math.isfinite(loss) and math.isfinite(gradient)):
        sentence = f"The loss is no number at step {step}. Lower the rate and train again."
        raise Refused("training_diverged", sentence)
    return {"loss": round(loss, 5), "loss_action": round(loss, 5), "gradient": round(gradient, 4), "rate": rate(learn, step)}


@torch.no_grad()
def _checked(policy: DiscretePolicy, check: Steps | None) -> dict[str, float]:
    """On steps of episodes that nothing was learnt from, the same each time."""
    if check is None:
        return {}
    policy.model.eval()
    rows = np.linspace(0, len(check) - 1, min(CHECK_ROWS, len(check))).astype(np.int64)
    each = [loss_of(policy, [_example(policy, check, int(row))]) for row in rows]
    policy.model.train()
    loss, right = (float(torch.stack(parts).mean()) for parts in zip(*each, strict=True))
    return {"held_out": round(loss, 5), "held_out_action": round(loss, 5), "held_out_words": round(right, 4)}


def _save(config: Config, policy: DiscretePolicy, learnt: list[Recorded], figures: dict[str, float], spent_s: float) -> Card:
    """An ordinary folder of this kind, whole or not there."""
    base, out = policy.card, Path(config.out)
    beside = out.with_name(f".{out.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    told, lineage = lora.about(config, policy.model, base)
    place = beside / sealed.CHECKPOINT
    place.mkdir(parents=True)
    lora.folded(policy.model).save_pretrained(place)
    policy.processor.save_pretrained(place)
    shutil.copyfile(Path(config.base) / sealed.CHECKPOINT / STATISTICS, place / STATISTICS)
    shutil.copyfile(Path(config.base) / CONFIG, beside / CONFIG)
    skills, sentences = {one.task for one in learnt if one.task}, {one.instruction for one in learnt}
    card = Card(
        kind=base.kind,
        name=config.name or out.name,
        parameters=0,
        skills=tuple(sorted({*skills, *base.skills})),
        instructions=tuple(sorted(sentences)),
        objects=base.objects,
        data={"episodes": len(learnt), "steps": sum(len(one.state) for one in learnt)},
        training={
            "cpu_s": spent_s,
            "steps": config.learn.steps,
            "learn": msgspec.json.decode(msgspec.json.encode(config.learn)),
            **told,
        },
        lineage=lineage | config.lineage,
        figures=dict(figures),
        licence=base.licence,
    )
    card = sealed.seal(beside, card)
    sync(beside)
    os.replace(beside, out)
    return card
