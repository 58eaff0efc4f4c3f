"""A policy of LeRobot's (SmolVLA, ACT and so on) behind the openpi protocol.  Runs in LeRobot's own environment:

`.venv-lerobot/bin/python -m policies.learning.zoo.lerobot.serve FOLDER --port 8000 [--backbone FOLDER]`: the folder that its
training left, and for SmolVLA the one with the configuration and the processor of its vision-language model.  A question has the
names of LeRobot's features as keys and the instruction as `prompt`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from policies.learning.zoo.lerobot.prepare import prepare
from policies.learning.zoo.openpi.listening import Listening, serve_from
from protocol.errors import Refused

PROMPT = "prompt"
BEFORE, AFTER = "policy_preprocessor.json", "policy_postprocessor.json"
#: what is served: the sort of policy -> its module and class in LeRobot
SORTS = {
    "act": ("act.modeling_act", "ACTPolicy"),
    "smolvla": ("smolvla.modeling_smolvla", "SmolVLAPolicy"),
}


class LeRobotPolicy:
    """Answers questions; `step_s` is not known here, it is that of the recordings it learnt from."""

    def __init__(self, policy: Any, before: Any, after: Any) -> None:
        self._policy, self._before, self._after = policy, before, after
        features = policy.config.input_features
        self.pictures = {name: tuple(one.shape) for name, one in features.items() if one.type.name == "VISUAL"}
        self.states = {name: tuple(one.shape) for name, one in features.items() if one.type.name in ("STATE", "ENV")}
        self.width = policy.config.output_features["action"].shape[0]

    def about(self) -> dict[str, Any]:
        shapes = {name: list(shape) for name, shape in {**self.pictures, **self.states}.items()}
        return {"server": "lerobot", "policy": self._policy.config.type, "inputs": shapes, "action": self.width}

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """`actions` float32[H, A].  Refused: `policy_input`."""
        given: dict[str, Any] = {name: self._picture(asked.get(name), name) for name in self.pictures}
        given |= {name: self._state(asked.get(name), name) for name in self.states}
        instruction = asked.get(PROMPT, "")
        if not isinstance(instruction, str):
            raise Refused("policy_input", f"{PROMPT!r} must be words.")
        with torch.inference_mode():
            chunk = self._policy.predict_action_chunk(self._before({**given, "task": instruction}))
            actions = torch.stack([self._after(step) for step in chunk.unbind(1)], 1)
        return {"actions": np.ascontiguousarray(actions[0].float().cpu().numpy())}

    def _picture(self, told: Any, name: str) -> Tensor:
        """float32[C, H, W] of 0 to 1, in the size that it learnt from."""
        if not isinstance(told, np.ndarray) or told.dtype != np.uint8 or told.ndim != 3 or told.shape[2] != 3 or not told.size:
            raise Refused("policy_input", f"{name!r} must be a picture of three colours.")
        picture = torch.from_numpy(told.copy()).permute(2, 0, 1).float() / 255
        size = self.pictures[name][1:]
        return picture if picture.shape[1:] == size else F.interpolate(picture[None], size, mode="area")[0]

    def _state(self, told: Any, name: str) -> Tensor:
        numbers = np.asarray(told, np.float32) if isinstance(told, np.ndarray) else np.zeros(0, np.float32)
        if numbers.shape != self.states[name] or not np.isfinite(numbers).all():
            raise Refused("policy_input", f"{name!r} must be {self.states[name]} numbers.")
        return torch.from_numpy(numbers.copy())


def open_lerobot(folder: Path, backbone: Path | None = None) -> LeRobotPolicy:
    """Refused: `policy_missing`, `policy_kind`, `policy_code`."""
    prepare()
    import importlib

    from lerobot.configs.policies import PreTrainedConfig

    sort = _told(folder / "config.json").get("type")
    if sort not in SORTS:
        raise Refused("policy_kind", f"A LeRobot policy of type {sort!r} is not served here; {', '.join(SORTS)} are.")
    module, name = SORTS[sort]
    found = getattr(importlib.import_module(f"lerobot.policies.{module}"), name)
    importlib.import_module(f"lerobot.policies.{sort}.processor_{sort}")  # its steps can be found by name from here on
    config = PreTrainedConfig.from_pretrained(folder, local_files_only=True)
    config.device = "cuda" if torch.cuda.is_available() else "cpu"
    if hasattr(config, "vlm_model_name"):
        if backbone is None:
            raise Refused("policy_missing", "Name with --backbone the folder of the vision-language model that it was made from.")
        config.vlm_model_name, config.load_vlm_weights = str(backbone), False  # its weights are the policy's
    policy = found.from_pretrained(folder, config=config, local_files_only=True, strict=True).eval()
    return LeRobotPolicy(policy, *_processors(folder, config.device, backbone))


def _processors(folder: Path, device: str, backbone: Path | None) -> tuple[Any, Any]:
    from lerobot.processor import PolicyProcessorPipeline
    from lerobot.processor.converters import policy_action_to_transition, transition_to_policy_action

    changes: list[dict[str, Any]] = []
    for name in (BEFORE, AFTER):
        steps = _told(folder / name).get("steps", [])
        named = [step.get("registry_name") for step in steps if isinstance(step, dict)]
        if len(named) != len(steps) or not all(named):
            raise Refused("policy_code", f"{name} names code that is not LeRobot's. That is never run.")
        known: dict[str, Any] = {"device_processor": {"device": device}, "tokenizer_processor": {"tokenizer_name": str(backbone)}}
        changes.append({step: known[step] for step in named if step in known})
    before = PolicyProcessorPipeline.from_pretrained(folder, config_filename=BEFORE, overrides=changes[0], local_files_only=True)
    after = PolicyProcessorPipeline.from_pretrained(
        folder, config_filename=AFTER, overrides=changes[1], local_files_only=True,
        to_transition=policy_action_to_transition, to_output=transition_to_policy_action,
    )  # fmt: skip
    return before, after


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused("policy_missing", f"{path} cannot be read: {error}.") from error
    return told if isinstance(told, dict) else {}


async def run(told: argparse.Namespace) -> None:
    policy = open_lerobot(told.folder, told.backbone)
    server = await Listening(policy.about(), policy.answer).listen(told.host, told.port)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1], **policy.about()}) + "\n")
    sys.stdout.flush()
    await server.serve_forever()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", type=Path)
    return serve_from(parser, 8000, run, argv)


if __name__ == "__main__":
    sys.exit(main())
