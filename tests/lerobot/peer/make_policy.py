"""A tiny LeRobot policy of random weights, as its training leaves it.  `make_policy.py OUT act|smolvla`.

Prints one JSON object: what it answers to the observation that the test asks about (null where it draws lots).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from policies.learning.zoo.lerobot.prepare import prepare

prepare()

import numpy as np
import torch
from lerobot.configs.types import FeatureType, PolicyFeature

SCENE, STATE = "observation.images.scene", "observation.state"
INPUTS = {SCENE: PolicyFeature(FeatureType.VISUAL, (3, 48, 64)), STATE: PolicyFeature(FeatureType.STATE, (3,))}
OUTPUTS = {"action": PolicyFeature(FeatureType.ACTION, (2,))}
STATS = {
    STATE: {"mean": torch.tensor([0.1, 0.2, 0.3]), "std": torch.tensor([0.5, 0.5, 2.0])},
    "action": {"mean": torch.tensor([0.05, 0.5]), "std": torch.tensor([0.1, 0.3])},
    SCENE: {"mean": torch.full((3, 1, 1), 0.5), "std": torch.full((3, 1, 1), 0.25)},
}


def picture() -> np.ndarray[Any, Any]:
    return (np.arange(48 * 64 * 3) % 251).reshape(48, 64, 3).astype(np.uint8)


def act(out: Path) -> list[list[float]]:
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.act.processor_act import make_act_pre_post_processors

    config = ACTConfig(
        input_features=INPUTS, output_features=OUTPUTS, chunk_size=8, n_action_steps=8, dim_model=32, n_heads=2,
        dim_feedforward=64, n_encoder_layers=1, n_decoder_layers=1, n_vae_encoder_layers=1, latent_dim=8,
        pretrained_backbone_weights=None, device="cpu",
    )  # fmt: skip
    policy = ACTPolicy(config).eval()
    before, after = make_act_pre_post_processors(config, dataset_stats=STATS)
    for part in (policy, before, after):
        part.save_pretrained(out)
    shown = torch.from_numpy(picture()).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        chunk = policy.predict_action_chunk(before({SCENE: shown, STATE: torch.tensor([0.1, -0.2, 0.3]), "task": "lift"}))
        told: list[list[float]] = after(chunk[0]).tolist()
    return told


def smolvla(out: Path) -> None:
    """With a vision-language model of two layers in `out`/backbone."""
    from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
    from lerobot.policies.smolvla.processor_smolvla import make_smolvla_pre_post_processors

    backbone = out / "backbone"
    backbone.mkdir(parents=True)
    _backbone(backbone)
    config = SmolVLAConfig(
        input_features=INPUTS, output_features=OUTPUTS, chunk_size=8, n_action_steps=8, max_state_dim=8, max_action_dim=8,
        resize_imgs_with_padding=(32, 32), tokenizer_max_length=8, num_steps=2, num_vlm_layers=2, vlm_model_name=str(backbone),
        load_vlm_weights=False, device="cpu",
    )  # fmt: skip
    policy = SmolVLAPolicy(config)
    before, after = make_smolvla_pre_post_processors(config, dataset_stats=STATS)
    for part in (policy, before, after):
        part.save_pretrained(out)


def _backbone(place: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        PreTrainedTokenizerFast,
        SmolVLMConfig,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    special = ["<pad>", "<s>", "</s>", "<unk>", "<image>", "<fake_token_around_image>", "<global-img>"]
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate([*special, "lift", "the", "cube"])}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = {"image_token": "<image>", "fake_image_token": special[5], "global_image_token": special[6]}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        extra_special_tokens=marks, model_max_length=64,
    )  # fmt: skip
    SmolVLMProcessor(SmolVLMImageProcessor(), tokenizer, SmolVLMVideoProcessor(), chat_template="").save_pretrained(place)
    seeing = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    reading = {
        "model_type": "llama", "vocab_size": 16, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "pad_token_id": 0,
    }  # fmt: skip
    SmolVLMConfig(vision_config=seeing, text_config=reading, image_token_id=4, scale_factor=2, pad_token_id=0).save_pretrained(
        place
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    told = {"act": act, "smolvla": smolvla}[sys.argv[2]](Path(sys.argv[1]))
    print(json.dumps({"actions": told}))
