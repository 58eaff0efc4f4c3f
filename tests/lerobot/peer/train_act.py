"""LeRobot's ACT policy, very small, takes optimisation steps on an export.  `train_act.py ROOT STEPS`; prints JSON."""

from __future__ import annotations

import json
import sys

from real import opened, torch  # isort: skip
from lerobot.configs.types import FeatureType
from lerobot.datasets.utils import dataset_to_policy_features
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.act.processor_act import make_act_pre_post_processors

CHUNK = 8


def main(root: str, steps: int) -> None:
    torch.manual_seed(0)
    meta = opened(root).meta
    typed = dataset_to_policy_features(meta.features)
    outputs = {key: feature for key, feature in typed.items() if feature.type is FeatureType.ACTION}
    inputs = {key: feature for key, feature in typed.items() if key not in outputs}
    config = ACTConfig(
        input_features=inputs, output_features=outputs, chunk_size=CHUNK, n_action_steps=CHUNK, dim_model=32, n_heads=2,
        dim_feedforward=64, n_encoder_layers=1, n_decoder_layers=1, n_vae_encoder_layers=1, latent_dim=8,
        pretrained_backbone_weights=None, device="cpu",
    )  # fmt: skip
    policy = ACTPolicy(config)
    prepare, _ = make_act_pre_post_processors(config, dataset_stats=meta.stats)
    windows = {"action": [i / meta.fps for i in range(CHUNK)]}
    loader = torch.utils.data.DataLoader(opened(root, delta_timestamps=windows), batch_size=4, shuffle=True)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    policy.train()
    losses: list[float] = []
    while len(losses) < steps:
        for batch in loader:
            loss, _ = policy.forward(prepare(batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
            if len(losses) == steps:
                break
    print(json.dumps({"inputs": sorted(inputs), "outputs": sorted(outputs), "losses": losses}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
