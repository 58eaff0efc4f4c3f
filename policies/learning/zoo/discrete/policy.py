"""A vision-language model that says actions as words (Brohan et al., "RT-2", 2023; Kim et al., "OpenVLA", 2024) as a `Policy`.

Any architecture that transformers itself knows, from a folder on this machine; code that comes with a checkpoint is not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from policies.learning.folder import CONFIG, Card
from policies.learning.zoo import sealed
from policies.learning.zoo.discrete.config import SAID, STATISTICS, DiscreteBody, DiscreteConfig, Words, read, read_statistics
from protocol.errors import Refused
from protocol.policy import Decision, Observation

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin


@dataclass(slots=True)
class Spoken:
    """Lets a model say nothing but actions; `share` [B] is how likely it was to, at its least likely word."""

    first: int
    end: int
    share: Tensor | None = None

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        share = scores.float().softmax(-1)[:, self.first : self.end].sum(-1)
        self.share = share if self.share is None else torch.minimum(self.share, share)
        out = torch.full_like(scores, -torch.inf)
        out[:, self.first : self.end] = scores[:, self.first : self.end]
        return out


class DiscretePolicy:
    """A `Policy`.  `features` are the last layer's at the last word of the question."""

    def __init__(
        self, config: DiscreteConfig, model: PreTrainedModel, processor: ProcessorMixin, words: dict[str, Words], card: Card
    ) -> None:
        self.config, self.model, self.processor, self.words, self.card = config, model.eval(), processor, words, card
        self.bodies = {body.embodiment.kind: body for body in config.bodies}
        self._marks = _marks(processor)

    def act(self, batch: list[Observation]) -> list[Decision]:
        """Refused: `policy_embodiment`, `policy_input`."""
        bodies = [self.body(one) for one in batch]
        given = self.inputs(batch)
        words = next(iter(self.words.values()))
        spoken = Spoken(words.first, words.end)
        with torch.inference_mode():
            said = self.model.generate(
                **given,
                generation_config=self._greedy(max(self.config.steps * len(body.columns) for body in bodies)),
                logits_processor=[spoken],
            )
        asked = given["input_ids"].shape[1]
        ids, features = said.sequences[:, asked:].cpu().numpy(), said.hidden_states[0][-1][:, -1].float().cpu().numpy()
        assert spoken.share is not None
        return [
            self._decision(body, ids[row], features[row], float(share))
            for row, (body, share) in enumerate(zip(bodies, spoken.share.tolist(), strict=True))
        ]

    def body(self, one: Observation) -> DiscreteBody:
        """Of this robot.  Refused: `policy_embodiment`, `policy_input`."""
        body = self.bodies.get(one.kind)
        if body is None:
            names = ", ".join(known.embodiment.name for known in self.config.bodies)
            raise Refused("policy_embodiment", f"This policy was made for {names}, not for this robot. Choose another policy.")
        for camera in body.cameras:
            picture = one.images.get(camera)
            if picture is None or picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
                raise Refused("policy_input", f"There is no RGB picture of the camera {camera}.")
        return body

    def inputs(self, batch: list[Observation]) -> dict[str, Tensor]:
        """What the model takes, on its device; shorter questions are filled up on the left."""
        pictures = [[one.images[camera] for camera in self.body(one).cameras] for one in batch]
        told: dict[str, Tensor] = dict(
            self.processor(
                text=[self._prompt(one) for one in batch], images=pictures, return_tensors="pt", padding=True, padding_side="left"
            )
        )
        return {name: self._placed(part) for name, part in self.followed(told, [self.config.after] * len(batch)).items()}

    def followed(self, told: dict[str, Tensor], ids: list[Any]) -> dict[str, Tensor]:
        """With these ids after each question."""
        more = torch.as_tensor(np.array(ids, np.int64)).to(told["input_ids"].device)
        longer = {"input_ids": more, "attention_mask": torch.ones_like(more)}
        shape = told["input_ids"].shape
        return {
            name: torch.cat([part, longer.get(name, torch.zeros_like(more)).to(part.dtype)], 1) if part.shape == shape else part
            for name, part in told.items()
        }

    def examples(self) -> list[Observation]:
        """Something each of its robots could see."""
        return [
            Observation(
                0,
                body.embodiment.kind,
                "warm up",
                np.array([(one.low + one.high) / 2 for one in body.embodiment.state], np.float32),
                dict.fromkeys(body.cameras, np.full((72, 96, 3), 128, np.uint8)),
            )
            for body in self.config.bodies
        ]

    def _prompt(self, one: Observation) -> str:
        instruction = " ".join(one.instruction.split())
        instruction = instruction.lower() if self.config.lower else instruction
        if mark := next((mark for mark in self._marks if mark in instruction), None):
            raise Refused("policy_input", f"An instruction cannot hold {mark!r}: it means something else to this policy.")
        return self.config.prompt.replace(SAID, instruction)

    def _placed(self, part: Tensor) -> Tensor:
        return part.to(self.model.device, self.model.dtype if part.is_floating_point() else part.dtype)

    def _greedy(self, count: int) -> Any:
        from transformers import GenerationConfig

        pad = self.processor.tokenizer.pad_token_id
        return GenerationConfig(
            do_sample=False, num_beams=1, min_new_tokens=count, max_new_tokens=count, pad_token_id=pad,
            return_dict_in_generate=True, output_hidden_states=True,
        )  # fmt: skip

    def _decision(self, body: DiscreteBody, ids: Any, features: Any, share: float) -> Decision:
        columns, steps = len(body.columns), self.config.steps
        actions = self.words[body.embodiment.kind].actions(ids[: steps * columns].reshape(steps, columns))
        return Decision(actions, self.config.step_s, features, {"action_words": share})


def _marks(processor: ProcessorMixin) -> list[str]:
    """Words that are not words, such as the place of a picture."""
    marks = {*processor.tokenizer.all_special_tokens, getattr(processor, "image_token", None)}
    return sorted(mark for mark in marks if isinstance(mark, str) and mark)


def open_discrete(folder: Path) -> DiscretePolicy:
    """Refused: `transformers_missing`, `gpu_absent`, `policy_missing`, `policy_damaged`, `policy_config`, `policy_code`,
    `policy_pickle`, `policy_header`, `policy_adapter`."""
    try:
        config = read((folder / CONFIG).read_bytes())
    except OSError as error:
        raise Refused("policy_missing", f"{error.filename} cannot be read: {error.strerror}.") from error
    card = sealed.check(folder)
    place = folder / sealed.CHECKPOINT
    model, processor = _load(place, _device(config))
    end = config.end or len(processor.tokenizer)
    if not config.bins <= end <= model.get_output_embeddings().weight.shape[0]:
        raise Refused("policy_config", f"{config.bins} action tokens before {end} are not among the words of the model.")
    words = {body.embodiment.kind: Words(config, body, read_statistics(place / STATISTICS, body), end) for body in config.bodies}
    return DiscretePolicy(config, model, processor, words, card)


def _device(config: DiscreteConfig) -> torch.device:
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise Refused("gpu_absent", "This policy wants a GPU and this machine has none. Choose another machine.")
    return torch.device("cuda" if there and config.device != "cpu" else "cpu")


def _load(place: Path, device: torch.device) -> tuple[PreTrainedModel, ProcessorMixin]:
    try:
        from transformers import AutoModelForImageTextToText, AutoProcessor
        from transformers.utils import logging
    except ImportError as error:
        sentence = "This policy needs transformers, which is not installed here. Install requirements-vla.txt."
        raise Refused("transformers_missing", sentence) from error
    logging.disable_progress_bar()
    only: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    try:
        processor = AutoProcessor.from_pretrained(place, **only)
        model, told = AutoModelForImageTextToText.from_pretrained(
            place, use_safetensors=True, output_loading_info=True, dtype=kind, **only
        )
    except Exception as error:  # whatever a library stumbles over in files of somebody else's, none of it is used
        raise Refused("policy_damaged", f"The checkpoint does not fit together: {str(error)[:300]}.") from error
    if odd := next((f"{what}: {sorted(told[what])[0]}" for what in ("missing_keys", "unexpected_keys") if told.get(what)), None):
        raise Refused("policy_damaged", f"The checkpoint's weights do not fit its configuration ({odd}).")
    if not all(torch.isfinite(part).all() for part in model.parameters()):
        raise Refused("policy_damaged", "The checkpoint's weights hold values that are no numbers.")
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return model.to(device), processor
