"""Every sort of policy that can be opened, by the `kind` in its `config.json`.  A new one: its file, its line here, its test."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path

from policies.learning.folder import CONFIG, read_json
from protocol.errors import Refused
from protocol.policy import Policy

#: kind -> dotted path of `def open(folder: Path) -> Policy`; a configuration without a kind is of ours
KINDS: dict[str, str] = {
    "reins": "policies.learning.policy.open_policy",
    "openpi": "policies.learning.zoo.openpi.client.open_remote",
    "discrete": "policies.learning.zoo.discrete.policy.open_discrete",
}
OURS = "reins"


def kind_of(folder: Path) -> str:
    """Refused: `policy_missing`, `policy_damaged`, `policy_kind`."""
    try:
        config = json.loads(read_json(folder / CONFIG))
    except OSError as error:
        raise Refused("policy_missing", f"{error.filename} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise Refused("policy_damaged", f"{CONFIG} of {folder.name} cannot be read: {error}.") from error
    kind = config.get("kind", OURS) if isinstance(config, dict) else None
    if kind not in KINDS:
        raise Refused("policy_kind", f"A policy of kind {kind!r} is not known here; {', '.join(KINDS)} are.")
    return str(kind)


def open_kind(folder: Path) -> Policy:
    """The policy in a folder, whatever its sort.  Refused as by `kind_of` and by whatever opens its kind."""
    module, _, name = KINDS[kind_of(folder)].rpartition(".")
    opener: Callable[[Path], Policy] = getattr(importlib.import_module(module), name)
    return opener(folder)
