"""A policy behind one loop that answers one question at a time, as one would write it in an afternoon: what batching beats.

`python -m bench.serial_server FOLDER PORT`; questions and answers are those of `protocol/inference.py`, without log-in.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
import torch
from websockets.asyncio.server import ServerConnection, serve

from policies.learning.policy import open_policy
from policies.serving.answering import observation
from policies.serving.warming import warm
from protocol import inference
from protocol.inference import Chunk, Observed


async def main(folder: Path, port: int) -> None:
    torch.set_num_threads(1)
    policy = open_policy(folder)
    warm(policy, 1)
    body = policy.model.config.bodies[0].embodiment

    async def answer(socket: ServerConnection) -> None:
        async for raw in socket:
            asked: Observed = inference.decode(raw.encode() if isinstance(raw, str) else raw, Observed)
            [decision] = policy.act([observation(asked, body)])
            actions = np.ascontiguousarray(decision.actions, "<f4").tobytes()
            chunk = Chunk(
                n=asked.n, captured_ns=asked.captured_ns, actions=actions, axes=decision.actions.shape[1], dt_s=decision.dt_s
            )
            await socket.send(inference.encode(chunk))

    async with serve(answer, "127.0.0.1", port, compression=None):
        print("ready", flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
