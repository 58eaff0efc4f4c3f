"""Other ways to say the same, so that a model learns what words mean and not sentences by heart."""

from __future__ import annotations

import re

import numpy as np

# Phrases of a group may stand for each other; the first that is found in a sentence is replaced.
SAME = (
    ("pick up", "lift up", "lift", "raise", "grab", "hoist", "take"),
    ("reach for", "reach", "move to", "go to", "hover above", "hover over", "approach"),
    ("put", "place", "set", "drop"),
    ("push", "shove", "slide", "nudge"),
    ("cube", "block", "box"),
    ("cylinder", "can", "tube"),
    ("tray", "dish", "plate"),
    ("in", "into", "inside"),
)
_BEGIN = ("", "", "", "please ", "now ", "could you ", "robot, ", "I want you to ")
_END = ("", "", "", " please", " now", " for me", " carefully")


def paraphrase(instruction: str, rng: np.random.Generator) -> str:
    """Another way to say it; half of the time the words stay."""
    if rng.random() < 0.5:
        return instruction
    text = instruction.lower().strip().rstrip(".")
    for group in SAME:
        found = next((phrase for phrase in group if re.search(rf"\b{phrase}\b", text)), None)
        if found is not None:
            text = re.sub(rf"\b{found}\b", group[int(rng.integers(len(group)))], text, count=1)
    if rng.random() < 0.2:
        text = text.replace("the ", "")
    return _BEGIN[int(rng.integers(len(_BEGIN)))] + text + _END[int(rng.integers(len(_END)))]
