"""Fine-tuning, all of it: `python -m policies.learning.train config.toml`.

Reads episodes, learns, writes a policy's folder.  Every batch is a function of (seed, step), so a training that was killed
goes on from its last checkpoint with the same batches.  What it reports is one JSON object a line.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from policies.learning.checkpoint import load_policy, save_policy
from policies.learning.config import Config, LearnConfig, read_config
from policies.learning.folder import Card
from policies.learning.preprocess import Preprocess
from policies.learning.read import Choice, Recorded, bodies_of, choices, read
from policies.learning.vla import Vla, count_parameters
from policies.learning.windows import Windows, batch, scales_of, taken, windows_of
from protocol.errors import Refused

Report = Callable[[dict[str, Any]], None]
PROGRESS = "training.safetensors"  # model, average, optimiser: what going on needs
CHECK_ROWS = 256  # of held-out steps


@dataclass
class Learning:
    """A model on its way.  `step` batches have been learnt from."""

    model: Vla
    average: Vla
    optimiser: torch.optim.Optimizer
    step: int = 0
    cpu_s: float = 0.0


def main(argv: list[str]) -> int:
    try:
        train(read_config(_text(argv)), _say)
    except Refused as refused:
        _say({"event": "failed", "code": refused.code, "sentence": refused.sentence})
        return 1
    return 0


def _text(argv: list[str]) -> bytes:
    try:
        return Path(*argv).read_bytes()
    except (OSError, TypeError) as error:
        raise Refused("policy_config", f"Name one configuration file that can be read: {error}.") from error


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def train(config: Config, report: Report) -> Card:
    """Refused: `policy_exists`, `policy_config`, `policy_embodiment`, `dataset_empty`, `dataset_damaged`, `episode_damaged`,
    `training_changed`, `training_diverged`."""
    learn, out = config.learn, Path(config.out)
    _check_places(config)
    torch.set_num_threads(learn.threads)
    torch.manual_seed(learn.seed)
    chosen = choices(Path(config.episodes))
    report({"event": "reading", "episodes": len(chosen)})
    base = load_policy(Path(config.base)) if config.base else None
    config = _complete(config, base[0] if base else None, chosen)
    episodes = [read(choice, config.model) for choice in chosen]
    learnt, aside = _parted(episodes, learn)
    scales = base[1] if base else scales_of(learnt, config.model)
    before = Preprocess(config.model, scales)
    windows = windows_of(learnt, before, learn.shift)
    check = windows_of(aside, before, 0) if aside else None
    learning = _begin(config, base[0] if base else None)
    _go_on(learning, config)
    report({"event": "began", "step": learning.step, "steps": learn.steps, "windows": len(windows),
            "parameters": count_parameters(learning.model)})  # fmt: skip
    while learning.step < learn.steps:
        line = _learn(learning, windows, learn)
        if learning.step % learn.report_every == 0 or learning.step == learn.steps:
            report({"event": "step", **line})
        if learning.step % learn.save_every == 0 and learning.step < learn.steps:
            _keep(learning, config)
            report({"event": "checked", "step": learning.step, **_checked(learning, check)})
    card = save_policy(out, learning.average, scales, _card(config, learning, episodes, _checked(learning, check)))
    _progress(out).unlink(missing_ok=True)
    report({"event": "done", "step": learning.step, "cpu_s": round(learning.cpu_s, 1), "out": str(out)})
    return card


def _check_places(config: Config) -> None:
    """Before hours of work, not after."""
    for name in ("episodes", "out"):
        if not getattr(config, name):
            raise Refused("policy_config", f"The configuration does not say {name!r}.")
    if Path(config.out).exists():
        raise Refused("policy_exists", f"{config.out} is there already. Policies are not overwritten: name another folder.")


def _complete(config: Config, base: Vla | None, chosen: list[Choice]) -> Config:
    """With the base's model, or with the bodies that the episodes show."""
    model = config.model if base is None else base.config
    if not model.bodies:
        model = msgspec.structs.replace(model, bodies=bodies_of(chosen, config))
    return msgspec.structs.replace(config, model=model.check())


def _learn(learning: Learning, windows: Windows, learn: LearnConfig) -> dict[str, Any]:
    """One batch; what came of it."""
    began_s = time.process_time()
    for group in learning.optimiser.param_groups:
        group["lr"] = rate(learn, learning.step)
    given, labels = batch(windows, learn, learning.step)
    torch.manual_seed(learn.seed * 1_000_003 + learning.step)  # what heads draw
    with torch.autocast("cpu", torch.bfloat16, enabled=learn.bf16):
        losses = learning.model.losses(given, labels)
    loss = weighted(losses, learn)
    if not torch.isfinite(loss):
        raise Refused("training_diverged", f"The loss is no number at step {learning.step}. Lower the rate and train again.")
    learning.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(learning.model.parameters(), learn.clip)
    learning.optimiser.step()
    learning.step += 1
    _follow(learning, min(learn.ema, learning.step / (learning.step + 19)))
    took_s = time.process_time() - began_s
    learning.cpu_s += took_s
    return {
        "step": learning.step,
        "loss": round(loss.item(), 5),
        **{f"loss_{name}": round(value.item(), 5) for name, value in losses.items()},
        "gradient": round(float(norm), 4),
        "rate": rate(learn, learning.step),
        "samples_per_s": round(learn.batch / max(took_s, 1e-6), 1),
        "cpu_s": round(learning.cpu_s, 2),
    }


def weighted(losses: dict[str, Tensor], learn: LearnConfig) -> Tensor:
    weights = {"action": 1.0, "waypoint": learn.waypoint}
    total = sum((weights.get(name, learn.reasoning) * value for name, value in losses.items()), torch.zeros(()))
    assert isinstance(total, Tensor)
    return total


def rate(learn: LearnConfig, step: int) -> float:
    """Rises in a line, falls in a cosine."""
    share = min(1.0, step / max(1, learn.steps))
    return learn.rate * min(1.0, (step + 1) / learn.warmup) * max(learn.least_rate, 0.5 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def _follow(learning: Learning, keep: float) -> None:
    """The average of the weights over time: what is used in the end."""
    torch._foreach_lerp_(list(learning.average.parameters()), list(learning.model.parameters()), 1 - keep)


def _begin(config: Config, base: Vla | None) -> Learning:
    model = Vla(config.model)
    if base is not None:
        model.load_state_dict(base.state_dict())
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learn.rate, weight_decay=config.learn.decay, fused=True)
    return Learning(model, copy.deepcopy(model).eval(), optimiser)


def _parted(episodes: list[Recorded], learn: LearnConfig) -> tuple[list[Recorded], list[Recorded]]:
    """Those to learn from, and those set aside: by the dataset, else a share of all, drawn from the seed."""
    aside = {index for index, one in enumerate(episodes) if one.choice.validation}
    if not aside:
        order = np.random.default_rng([learn.seed, 1]).permutation(len(episodes))
        aside = set(order[: round(learn.held_out * len(episodes))].tolist())
    return [one for i, one in enumerate(episodes) if i not in aside], [one for i, one in enumerate(episodes) if i in aside]


@torch.inference_mode()
def _checked(learning: Learning, windows: Windows | None) -> dict[str, float]:
    """Losses on steps of episodes that nothing was learnt from, the same steps each time."""
    if windows is None:
        return {}
    rows = np.linspace(0, len(windows) - 1, min(CHECK_ROWS, len(windows))).astype(np.int64)
    given, labels = taken(windows, rows)
    losses = learning.average.losses(given, labels)
    return {f"held_out_{name}": round(float(value), 5) for name, value in losses.items()}


# -- going on after a kill ------------------------------------------------------------------------------------------------


def _keep(learning: Learning, config: Config) -> None:
    """Written aside and moved into place: a kill leaves the one before."""
    state = learning.optimiser.state_dict()["state"]
    tensors = {f"model.{name}": tensor for name, tensor in learning.model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in learning.average.state_dict().items()}
    tensors |= {f"optimiser.{index}.{name}": tensor for index, parts in state.items() for name, tensor in parts.items()}
    path = _progress(Path(config.out))
    beside = path.with_suffix(".part")
    beside.parent.mkdir(parents=True, exist_ok=True)
    told = {"step": str(learning.step), "cpu_s": str(learning.cpu_s), "config": _fingerprint(config)}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, beside, metadata=told)
    os.replace(beside, path)


@torch.no_grad()
def _go_on(learning: Learning, config: Config) -> None:
    """`Refused("training_changed")` when what was kept is of another configuration."""
    path = _progress(Path(config.out))
    if not path.exists():
        return
    with safe_open(path, "pt") as file:
        told, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    if told["config"] != _fingerprint(config):
        raise Refused("training_changed", f"{path} was kept by a training of another configuration. Move it away to begin anew.")
    learning.step, learning.cpu_s = int(told["step"]), float(told["cpu_s"])
    for model, prefix in ((learning.model, "model."), (learning.average, "average.")):
        model.load_state_dict({name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)})
    parameters = learning.optimiser.param_groups[0]["params"]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, part = name.split(".")
            like = parameters[int(index)]
            laid = torch.empty_like(like).copy_(value) if value.shape == like.shape else value  # as the fused steps expect it
            state.setdefault(int(index), {})[part] = laid
    learning.optimiser.load_state_dict({**learning.optimiser.state_dict(), "state": state})


def _fingerprint(config: Config) -> str:
    return hashlib.sha256(msgspec.json.encode(config, order="deterministic")).hexdigest()


def _progress(out: Path) -> Path:
    return out.with_name(f"{out.name}.{PROGRESS}")


def _card(config: Config, learning: Learning, episodes: list[Recorded], figures: dict[str, float]) -> Card:
    return Card(
        name=Path(config.out).name,
        parameters=count_parameters(learning.average),
        skills=tuple(sorted({one.instruction for one in episodes})),
        objects=config.model.objects,
        data={"episodes": len(episodes), "steps": sum(len(one.state) for one in episodes)},
        training={"cpu_s": round(learning.cpu_s, 1), "steps": learning.step, "learn": msgspec.to_builtins(config.learn)},
        figures=figures,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
