"""Calibrates a policy's doubt: `python -m policies.learning.calibrate FOLDER EPISODES [--alpha .15]`.

EPISODES: episode folders, or a dataset version's manifest beside them; of such a version those that were set aside are used,
for nobody may be judged by what it learnt from.  Of recordings it is how people drove: where the policy itself goes elsewhere
it may doubt more often than `alpha` says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from policies.learning.config import Config, LearnConfig
from policies.learning.doubt import calibrate, keep, least_runs
from policies.learning.folder import CALIBRATION, CARD, KIND, Card, read_card
from policies.learning.policy import VlaPolicy, open_policy
from policies.learning.read import Choice, Recorded, choices, outcome_of, read
from policies.learning.schedule import set_aside
from policies.learning.zoo.registry import kind_of
from policies.serving.pictures import decode
from protocol.episode_folder import hash_file
from protocol.errors import Refused
from protocol.inference import JPEG_QUALITY
from protocol.policy import Observation, Picture

ALPHA = 0.15
EXECUTE = 2  # steps between two questions of a robot
BATCH = 16


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("episodes", type=Path)
    parser.add_argument("--alpha", type=float, default=ALPHA, help="the share of good runs that it may stop")
    options = parser.parse_args(argv)
    try:
        card = calibrated(options.folder, options.episodes, options.alpha)
    except Refused as refused:
        sys.stderr.write(f"{refused.sentence} ({refused.code})\n")
        return 1
    sys.stdout.write(json.dumps(card.figures["doubt"]) + "\n")
    return 0


def calibrated(folder: Path, episodes: Path, alpha: float = ALPHA) -> Card:
    """Writes the calibration into a policy's folder; its card, which says so.  Refused: `calibration_data` with fewer
    successful episodes than can promise anything, as `open_policy`, `choices` and `read`."""
    policy = open_policy(folder, 0)
    chosen = [one for one in held_out(episodes, policy.card) if outcome_of(one) == "success"]
    if len(chosen) < (least := least_runs(alpha)):
        sentence = f"{len(chosen)} successful episodes were set aside, and {least} are the least that calibrate its doubt."
        raise Refused("calibration_data", f"{sentence} Freeze a version with more of them for validation, then repeat.")
    torch.set_num_threads(1)
    familiar, limit = calibrate([features(policy, read(one, policy.model.config)) for one in chosen], alpha)
    keep(folder / f".{CALIBRATION}", familiar, limit)
    doubt = {"alpha": alpha, "runs": len(chosen), "of": "recordings", "sha256": hash_file(folder / f".{CALIBRATION}").sha256}
    card = msgspec.structs.replace(policy.card, figures={**policy.card.figures, "doubt": doubt})
    os.replace(folder / f".{CALIBRATION}", folder / CALIBRATION)
    _write(folder, card)
    return card


def after(config: Config) -> None:
    """What a training made is calibrated from what it set aside; where that is too little, its card says so."""
    folder = Path(config.out)
    if kind_of(folder) != KIND:
        return
    try:
        calibrated(folder, Path(config.episodes))
    except Refused as refused:
        card = read_card(folder)
        limits = (*card.limits, f"Its doubt is not calibrated. {refused.sentence}")
        _write(folder, msgspec.structs.replace(card, limits=limits))


def _write(folder: Path, card: Card) -> None:
    (folder / f".{CARD}").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))
    os.replace(folder / f".{CARD}", folder / CARD)


def held_out(episodes: Path, card: Card) -> list[Choice]:
    """Of a dataset version what its training has set aside, in the way that the card says; of folders all: whoever names them
    says that nothing was learnt from them."""
    chosen = choices(episodes)
    if not episodes.is_file():
        return chosen
    learn = msgspec.convert(card.training.get("learn", {}), LearnConfig)
    aside = set_aside([one.validation for one in chosen], learn)
    return [one for index, one in enumerate(chosen) if index in aside]


def features(policy: VlaPolicy, episode: Recorded) -> NDArray[np.float32]:
    """[T, F] of what it would have been asked on the way, with pictures as they reach it from a robot."""
    rows = range(0, len(episode.state), EXECUTE)
    found: list[NDArray[np.float32]] = []
    for first in range(0, len(rows), BATCH):
        asked = list(_asked(policy, episode, rows[first : first + BATCH]))
        found += [decision.features for decision in policy.act(asked)]
    return np.stack(found)


def _asked(policy: VlaPolicy, episode: Recorded, rows: range) -> Iterator[Observation]:
    body = policy.model.config.bodies[episode.body]
    for row in rows:
        seen = {body.cameras[slot]: crossed(pictures[row]) for slot, pictures in episode.pictures.items()}
        yield Observation(0, body.embodiment.kind, episode.instruction, episode.state[row], seen)


def crossed(picture: Picture) -> Picture:
    """RGB as it comes out of a JPEG.  A recording's own pictures have been through the camera's I420 already."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return decode(encoded.tobytes(), "a recording")


if __name__ == "__main__":
    sys.exit(main())
