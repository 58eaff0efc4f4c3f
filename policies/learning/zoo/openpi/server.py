"""Our policies for everybody's robots: a server of the openpi protocol.

`python -m policies.learning.zoo.openpi.server FOLDER MAPPING.json --port 8001`: a policy's folder, and an `OpenpiBody` that says
which keys the robot uses.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.server import Server

from policies.learning.zoo.openpi.config import OpenpiBody, answer, observation
from policies.learning.zoo.openpi.listening import Listening, serve_from
from protocol.errors import Refused
from protocol.policy import Policy, check_decision

log = logging.getLogger(__name__)


class OpenpiServer:
    """One policy for any number of connections."""

    def __init__(self, policy: Policy, body: OpenpiBody, step_s: float = 0.0) -> None:
        self._policy, self._body = policy, body.check()
        self._about: dict[str, object] = {"robot": body.embodiment.name, "actions": list(body.actions), "server": "reins"}
        if step_s:
            self._about["step_s"] = step_s

    async def listen(self, host: str, port: int) -> Server:
        return await Listening(self._about, self._answer).listen(host, port)

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        [decided] = self._policy.act([observation(self._body, asked)])
        return {"actions": answer(self._body, check_decision(decided, self._body.embodiment))}


def read_mapping(path: Path) -> OpenpiBody:
    """Refused: `policy_config`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=OpenpiBody).check()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("policy_config", f"{path} cannot be read: {error}.") from error


async def run(folder: Path, mapping: Path, host: str, port: int) -> None:
    import torch

    from policies.learning.policy import open_policy

    torch.set_num_threads(1)
    policy = open_policy(folder)
    server = await OpenpiServer(policy, read_mapping(mapping), policy.model.config.step_s).listen(host, port)
    log.warning("serving %s at ws://%s:%d", folder.name, host, port)
    await server.serve_forever()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("mapping", type=Path)
    return serve_from(parser, 8001, lambda told: run(told.folder, told.mapping, told.host, told.port), argv)


if __name__ == "__main__":
    sys.exit(main())
