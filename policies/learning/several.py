"""Several processes that learn as one, one for each GPU: `torchrun --nproc-per-node 4 -m policies.learning.train config.toml`.

Each learns from its part of the same batch; gradients are averaged, so that all have the same weights after every step.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from policies.learning.vla import Inputs, Labels, Vla
from protocol.errors import Refused


class Losses(nn.Module):
    """What the model gets wrong, as the one thing that is called: that is where gradients are averaged."""

    def __init__(self, model: Vla) -> None:
        super().__init__()
        self.model = model

    def forward(self, given: Inputs, labels: Labels) -> dict[str, Tensor]:
        return self.model.losses(given, labels)


@dataclass(frozen=True, slots=True)
class Several:
    """Process `rank` of `count`, which learns on `device`."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """The one that speaks and writes."""
        return self.rank == 0

    def losses(self, model: Vla) -> nn.Module:
        whole = Losses(model)
        return whole if self.count == 1 else DistributedDataParallel(whole, find_unused_parameters=True)

    def mean(self, values: Tensor) -> Tensor:
        """Over all processes, the same in each."""
        if self.count > 1:
            distributed.all_reduce(values)
            values = values / self.count
        return values

    def leave(self) -> None:
        if self.count > 1:
            distributed.destroy_process_group()


def join(wanted: str) -> Several:
    """`wanted`: auto, cpu or cuda.  As torchrun says in the environment; alone where it says nothing.  Refused: `gpu_absent`."""
    rank, count, local = (int(os.environ.get(name, plain)) for name, plain in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0)))
    there = torch.cuda.device_count()
    if wanted == "cuda" and local >= there:
        wants = "a GPU and this machine has none" if not there else f"{local + 1} GPUs and this machine has {there}"
        raise Refused("gpu_absent", f"This training wants {wants}.")
    device = torch.device("cuda", local) if wanted != "cpu" and local < there else torch.device("cpu")
    if count > 1:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=count)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return Several(rank, count, device)
