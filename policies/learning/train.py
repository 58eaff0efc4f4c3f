"""Fine-tuning, all of it: `python -m policies.learning.train config.toml`.

Reads episodes, learns, writes a policy's folder.  Every batch is a function of (seed, step), so a training that was killed
goes on from its last checkpoint with the same batches.  What it reports is one JSON object a line.
"""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from policies.learning import lora, progress
from policies.learning.checkpoint import load_policy, save_policy
from policies.learning.config import Config, LearnConfig, read_config
from policies.learning.folder import Card
from policies.learning.preprocess import Preprocess
from policies.learning.progress import Learning
from policies.learning.read import Choice, Recorded, bodies_of, choices, objects_of, read
from policies.learning.samples import Samples
from policies.learning.schedule import parted, rate
from policies.learning.several import Several, join
from policies.learning.vla import Vla, count_parameters, moved
from policies.learning.windows import Windows, batch, lesson, scales_of, taken, windows_of
from policies.learning.zoo.registry import kind_of
from protocol.errors import Refused

Report = Callable[[dict[str, Any]], None]
CHECK_ROWS = 256  # of held-out steps
READ_EVERY = 10  # episodes


def main(argv: list[str]) -> int:
    try:
        train(read_config(_text(argv)), _say)
    except Refused as refused:
        _say({"event": "failed", "code": refused.code, "sentence": refused.sentence})
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _say({"event": "failed", "code": "storage_full", "sentence": "The disk is full. Make room, then train again."})
        return 1
    return 0


def run(argv: list[str]) -> NoReturn:
    """`main` as all that a process does."""
    leave(main(argv))


def leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if "WORLD_SIZE" in os.environ:
        os._exit(code)  # threads that joined the processes may still live, and the interpreter's orderly end would abort on them
    sys.exit(code)


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
    `training_changed`, `training_diverged`, `gpu_absent`."""
    _check_places(config)
    if config.base and kind_of(Path(config.base)) == "discrete":
        from policies.learning.zoo.discrete.learn import train as train_words

        return train_words(config, report)
    several = join(config.learn.device)
    try:
        return _train(config, several, report if several.first else lambda line: None)
    finally:
        several.leave()


def _train(config: Config, several: Several, report: Report) -> Card:
    learn = config.learn
    _check_batch(learn, several)
    torch.set_num_threads(learn.threads)
    torch.manual_seed(learn.seed)
    chosen = choices(Path(config.episodes))
    base = load_policy(Path(config.base)) if config.base else None
    config = _complete(config, base[0] if base else None, chosen)
    episodes = list(_read(chosen, config, report))
    learnt, aside = parted(episodes, learn)
    scales = base[1] if base else scales_of(learnt, config.model)
    before = Preprocess(config.model, scales)
    windows = windows_of(learnt, before, learn.shift)
    for one in learn.curriculum:
        lesson(windows, learn, math.ceil(one.until * learn.steps) - 1)
    check = windows_of(aside, before, 0) if aside else None
    samples = Samples(config.samples if several.first else "", config.model, scales, aside or learnt)
    learning = progress.begin(config, base[0] if base else None, several.device)
    progress.go_on(learning, config)
    losses = several.losses(learning.model)
    samples.show()
    report({"event": "began", "step": learning.step, "steps": learn.steps, "windows": len(windows), "set_aside": len(aside),
            "parameters": count_parameters(learning.model), "processes": several.count, **machine(several)})  # fmt: skip
    pace = Pace(learn.batch, learning.step)
    while not learning.ended(learn):
        told = _learn(learning, losses, windows, learn, several)
        saved = learning.step % learn.save_every == 0 and learning.step < learn.steps
        if learning.step % learn.report_every == 0 or saved or learning.step == learn.steps:
            report({"event": "step", **_line(learning, told, learn, several), **pace.now(learning.step)})
        if saved:
            figures = _judged(learning, check, learn, several)
            if several.first:
                progress.keep(learning, config)
            samples.ask(learning.step, learning.average)
            report({"event": "checked", "step": learning.step, **figures})
    figures = _judged(learning, check, learn, several)
    if learn.patience and learning.best:
        learning.average.load_state_dict(learning.best)
        figures = _checked(learning, check, learn, several)
    samples.ask(learning.step, learning.average)
    report({"event": "checked", "step": learning.step, **figures})
    card = _card(config, learning, episodes, base[2] if base else None, figures)
    if several.first:
        card = save_policy(Path(config.out), lora.merged(learning.average), scales, card)
        progress.place(Path(config.out)).unlink(missing_ok=True)
    report({"event": "done", "step": learning.step, "cpu_s": round(learning.cpu_s, 1), "out": config.out})
    return card


def _check_places(config: Config) -> None:
    """Before hours of work, not after."""
    lora.check(config)
    for name in ("episodes", "out"):
        if not getattr(config, name):
            raise Refused("policy_config", f"The configuration does not say {name!r}.")
    if Path(config.out).exists():
        raise Refused("policy_exists", f"{config.out} is there already. Policies are not overwritten: name another folder.")


def _check_batch(learn: LearnConfig, several: Several) -> None:
    if learn.batch % several.count:
        raise Refused("policy_config", f"A batch of {learn.batch} cannot be shared by {several.count} processes alike.")


def _read(chosen: list[Choice], config: Config, report: Report) -> Iterator[Recorded]:
    for number, choice in enumerate(chosen):
        if number % READ_EVERY == 0:
            report({"event": "reading", "episodes": len(chosen), "read": number})
        yield read(choice, config.model)


def _complete(config: Config, base: Vla | None, chosen: list[Choice]) -> Config:
    """With the base's model, or with the bodies and the objects that the episodes show."""
    model = config.model if base is None else base.config
    if not model.bodies:
        model = msgspec.structs.replace(model, bodies=bodies_of(chosen, config))
    if base is None and not model.objects:
        model = msgspec.structs.replace(model, objects=objects_of(chosen))
    return msgspec.structs.replace(config, model=model.check())


def _learn(learning: Learning, model: nn.Module, windows: Windows, learn: LearnConfig, several: Several) -> dict[str, Tensor]:
    """One batch; its losses by name, and the gradient's norm."""
    began_s = time.process_time()
    for group in learning.optimiser.param_groups:
        group["lr"] = rate(learn, learning.step)
    given, labels = batch(windows, learn, learning.step, (several.rank, several.count))
    torch.manual_seed(learn.seed * 1_000_003 + learning.step * several.count + several.rank)  # what heads draw
    with torch.autocast(several.device.type, torch.bfloat16, enabled=learn.bf16):
        losses = model(moved(given, several.device), moved(labels, several.device))
    learning.optimiser.zero_grad(set_to_none=True)
    weighted(losses, learn).backward()
    norm = torch.nn.utils.clip_grad_norm_(learning.model.parameters(), learn.clip)
    learning.optimiser.step()
    learning.step += 1
    _follow(learning, min(learn.ema, learning.step / (learning.step + 19)))
    learning.cpu_s += time.process_time() - began_s
    return {**{name: value.detach() for name, value in losses.items()}, "gradient": norm}


def _line(learning: Learning, told: dict[str, Tensor], learn: LearnConfig, several: Several) -> dict[str, Any]:
    """`Refused("training_diverged")` when something is no number any more."""
    values = several.mean(torch.stack([value.float() for value in told.values()])).tolist()
    if not all(map(math.isfinite, values)):
        sentence = f"The loss is no number at step {learning.step}. Lower the rate and train again."
        raise Refused("training_diverged", sentence)
    *each, gradient = values
    losses = dict(zip(told, each, strict=False))
    return {
        "step": learning.step,
        "loss": round(float(weighted(losses, learn)), 5),
        **{f"loss_{name}": round(value, 5) for name, value in losses.items()},
        "gradient": round(gradient, 4),
        "rate": rate(learn, learning.step),
        "cpu_s": round(learning.cpu_s, 2),
        "memory_mb": memory_mb(several.device),
    }


class Pace:
    """How many samples a second were learnt from since it was last asked, by the clock on the wall."""

    def __init__(self, batch: int, step: int) -> None:
        self._batch, self._step, self._at_s = batch, step, time.monotonic()

    def now(self, step: int) -> dict[str, float]:
        now_s = time.monotonic()
        done, took_s = (step - self._step) * self._batch, now_s - self._at_s
        self._step, self._at_s = step, now_s
        return {"samples_per_s": round(done / max(took_s, 1e-6), 1)}


def memory_mb(device: torch.device) -> int:
    """The most that was taken so far: of the GPU's where there is one, else of the machine's by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) >> 20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10  # kibibytes on Linux


def machine(several: Several) -> dict[str, Any]:
    """What it ran on, as far as it changes what comes out."""
    name = torch.cuda.get_device_name(several.device) if several.device.type == "cuda" else platform.processor() or "cpu"
    return {"device": several.device.type, "device_name": name, "torch": torch.__version__, "host": platform.node()}


def weighted(losses: dict[str, Any], learn: LearnConfig) -> Any:
    """One number (or tensor) of them all."""
    weights = {"action": 1.0, "waypoint": learn.waypoint}
    return sum(weights.get(name, learn.reasoning) * value for name, value in losses.items())


@torch.no_grad()
def _follow(learning: Learning, keep: float) -> None:
    """The average of the weights over time: what is used in the end."""
    torch._foreach_lerp_(list(learning.average.parameters()), list(learning.model.parameters()), 1 - keep)


def _judged(learning: Learning, windows: Windows | None, learn: LearnConfig, several: Several) -> dict[str, float]:
    figures = _checked(learning, windows, learn, several)
    if learn.patience and figures:
        learning.judge(figures["held_out"])
    return figures


@torch.inference_mode()
def _checked(learning: Learning, windows: Windows | None, learn: LearnConfig, several: Several) -> dict[str, float]:
    """Losses on steps of episodes that nothing was learnt from, the same steps each time."""
    if windows is None:
        return {}
    rows = np.linspace(0, len(windows) - 1, min(CHECK_ROWS, len(windows))).astype(np.int64)
    given, labels = taken(windows, rows)
    torch.manual_seed(learn.seed)  # what heads draw: the same each time
    losses = learning.average.losses(moved(given, several.device), moved(labels, several.device))
    values = dict(zip(losses, several.mean(torch.stack(list(losses.values()))).tolist(), strict=True))
    every = {"held_out": weighted(values, learn), **{f"held_out_{name}": value for name, value in values.items()}}
    return {name: round(value, 5) for name, value in every.items()}


def _card(config: Config, learning: Learning, episodes: list[Recorded], base: Card | None, figures: dict[str, float]) -> Card:
    """What the base was shown counts as shown."""
    learn = msgspec.json.decode(msgspec.json.encode(config.learn))
    told, lineage = lora.about(config, learning.model, base)
    skills = {one.task for one in episodes if one.task} | set(base.skills if base else ())
    return Card(
        name=config.name or Path(config.out).name,
        parameters=count_parameters(learning.average) - told.get("lora", {}).get("parameters", 0),
        skills=tuple(sorted(skills)),
        instructions=tuple(sorted({one.instruction for one in episodes})),
        objects=config.model.objects,
        data={"episodes": len(episodes), "steps": sum(len(one.state) for one in episodes)},
        training={
            "cpu_s": round(learning.cpu_s, 1),
            "steps": learning.step,
            "learn": learn,
            **told,
        },
        lineage=lineage | config.lineage,
        figures=dict(figures),
    )


if __name__ == "__main__":
    run(sys.argv[1:])
