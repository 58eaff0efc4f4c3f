"""A vision-language model of 60,000 random weights whose last words are actions, as a policy's folder.  Nothing is fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from policies.learning.folder import CONFIG, Card
from policies.learning.zoo import sealed
from policies.learning.zoo.discrete.config import STATISTICS, Column, DiscreteBody, DiscreteConfig
from tests.robot.recorder.rig import SMALL

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>"]
PROMPT = ["in", "out", ":", "?", "what", "action", "should", "the", "robot", "take", "to"]
WORDS = [*PROMPT, "pick", "up", "reach", "for", "red", "blue", "cube"]
PLAIN = len(SPECIAL) + len(WORDS)
END = PLAIN + 256  # the model has a few more words than the tokenizer, as padded ones do
Q01, Q99 = [-0.2, -1.0, 0.0], [0.3, 1.0, 1.0]
BODY = DiscreteBody(
    embodiment=SMALL,
    cameras=("scene",),
    columns=(Column(axis="vx", factor=0.5), Column(axis=""), Column(axis="gripper", factor=-0.5, offset=0.5)),
    statistics="cubes",
)


def config(**fields: Any) -> DiscreteConfig:
    return DiscreteConfig(**{"step_s": 0.1, "bodies": (BODY,), "end": END, "steps": 2, **fields})


def speaker(folder: Path, seed: int = 0, **fields: Any) -> Path:
    """`fields` of its DiscreteConfig."""
    place = folder / sealed.CHECKPOINT
    place.mkdir(parents=True)
    torch.manual_seed(seed)
    LlavaForConditionalGeneration(_shape()).save_pretrained(place)
    _processor().save_pretrained(place)
    action = {"q01": Q01, "q99": Q99, "mask": [True, True, False], "mean": [0.0] * 3}
    (place / STATISTICS).write_text(json.dumps({"cubes": {"action": action, "num_transitions": 5}}))
    (folder / CONFIG).write_bytes(msgspec.json.encode(config(**fields)))
    sealed.seal(folder, Card(kind="discrete", name="speaker", parameters=0, skills=("reach",), licence="Apache-2.0"))
    return folder


def _shape() -> LlavaConfig:
    eyes = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    words = LlamaConfig(
        vocab_size=END + 7, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    return LlavaConfig(vision_config=eyes, text_config=words, image_token_index=SPECIAL.index("<image>"))


def _processor() -> LlavaProcessor:
    known = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    words = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    return LlavaProcessor(
        pictures, tokenizer, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
