"""Other ways to say the same, so that a model learns what words mean and not sentences by heart."""

from __future__ import annotations

import re

import numpy as np

# Phrases of a group may stand for each other; the first that is found in a sentence is replaced.
SAME = (
    ("pick up", "lift up", "lift", "raise", "grab", "hoist", "take", "pull up", "elevate"),
    ("reach for", "reach", "move to", "go to", "hover above", "hover over", "approach", "head for", "come to", "stop above"),
    ("put", "place", "set", "drop"),
    ("push", "shove", "slide", "nudge"),
    ("gripper", "hand", "tool", "claw"),
    ("move the", "steer the", "guide the", "get the"),
    ("over", "above"),
    ("cube", "block", "box"),
    ("cylinder", "can", "tube"),
    ("tray", "dish", "plate"),
    ("in", "into", "inside"),
)
FILLERS = {
    "the", "a", "an", "it", "its", "and", "then", "to", "for", "from", "of", "on",
    "up", "me", "please", "now", "table", "robot", "you", "could", "would", "i", "want",
}  # fmt: skip
_BEGIN = ("", "", "", "please ", "now ", "could you ", "robot, ", "I want you to ")
_END = ("", "", "", " please", " now", " for me", " carefully")
_THING = re.compile(r"^(?P<what>.+?) (?P<thing>the \w+ \w+)$")  # a sentence that ends in what it is about


def paraphrase(instruction: str, rng: np.random.Generator) -> str:
    """Another way to say it; half of the time the words stay."""
    if rng.random() < 0.5:
        return instruction
    text = instruction.lower().strip().rstrip(".")
    for group in SAME:
        found = next((phrase for phrase in group if re.search(rf"\b{phrase}\b", text)), None)
        if found is not None:
            text = re.sub(rf"\b{found}\b", group[int(rng.integers(len(group)))], text, count=1)
    if rng.random() < 0.25:
        text = _THING.sub(r"\g<thing>, \g<what> it", text)
    text = _BEGIN[int(rng.integers(len(_BEGIN)))] + text + _END[int(rng.integers(len(_END)))]
    return " ".join(_mumbled(word, rng) for word in text.split())


def _mumbled(word: str, rng: np.random.Generator) -> str:
    """Words that say little are sometimes left out or were never heard before, so that those do not lead astray."""
    if word.strip(",") not in FILLERS or rng.random() < 0.75:
        return word
    if rng.random() < 0.5:
        return ""
    return "".join(chr(ord("a") + int(letter)) for letter in rng.integers(0, 26, 3 + int(rng.integers(5))))
