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
# Whole sentences of a group mean the same of a thing {}: a sentence of one is said as another.
WAYS = (
    (
        "lift {}", "lift {} up", "pick up {}", "pick {} up", "pick {} up from the table", "raise {}", "take {}",
        "take {} and lift it", "take {} up", "take {} from the table", "grab {}", "grab {} and raise it",
        "grasp {} and pick it up", "hoist {}", "pull {} up", "elevate {}", "hold up {}", "{}, lift it", "{}, pick it up",
        "close on {} and go up", "grip {} and lift", "remove {} from the table", "have {} in the gripper and go up",
    ),
    (
        "reach {}", "reach for {}", "reach out to {}", "go to {}", "go over to {}", "go above {} and wait", "move to {}",
        "move over {}", "move the gripper over {}", "move the gripper to {}", "steer the gripper above {}",
        "guide the gripper to {}", "position the gripper above {}", "keep the gripper over {}", "point the gripper at {}",
        "hover above {}", "hover over {}", "approach {}", "head for {}", "head over to {}", "come to {}", "come close to {}",
        "stop above {}", "wait above {}", "wait over {} with the gripper open", "stand over {}", "stand by at {}",
        "{}, go to it", "{}, hover above it", "{}, move over it and stop", "just above {}", "the gripper belongs over {}",
        "travel to {} and stop there", "find {}", "touch nothing, only reach {}", "do not grasp {}, only go there", "aim at {}",
        "show me {}", "fly to {}",
    ),
)  # fmt: skip
FILLERS = {
    "the", "a", "an", "it", "its", "and", "then", "to", "for", "from", "of", "on",
    "up", "me", "please", "now", "table", "robot", "you", "could", "would", "i", "want",
}  # fmt: skip
_BEGIN = ("", "", "", "please ", "now ", "could you ", "robot, ", "I want you to ")
_END = ("", "", "", " please", " now", " for me", " carefully")
_SAID = [(re.compile(re.escape(way).replace(r"\{\}", r"(the(?: \w+){1,2})")), ways) for ways in WAYS for way in ways]
_THING = re.compile(r"^(?P<what>.+?) (?P<thing>the \w+ \w+)$")  # a sentence that ends in what it is about


def paraphrase(instruction: str, rng: np.random.Generator) -> str:
    """Another way to say it; half of the time the words stay."""
    if rng.random() < 0.5:
        return instruction
    text = instruction.lower().strip().rstrip(".")
    if rng.random() < 0.7:
        text = _another_way(text, rng)
    for group in SAME:
        found = next((phrase for phrase in group if re.search(rf"\b{phrase}\b", text)), None)
        if found is not None:
            text = re.sub(rf"\b{found}\b", group[int(rng.integers(len(group)))], text, count=1)
    if rng.random() < 0.25:
        text = _THING.sub(r"\g<thing>, \g<what> it", text)
    text = _BEGIN[int(rng.integers(len(_BEGIN)))] + text + _END[int(rng.integers(len(_END)))]
    heard = [_mumbled(word, rng) for word in text.split()]
    if rng.random() < 0.4:
        heard.insert(int(rng.integers(len(heard) + 1)), _made_up(rng))
    return " ".join(heard)


def _another_way(text: str, rng: np.random.Generator) -> str:
    for pattern, ways in _SAID:
        if found := pattern.fullmatch(text):
            return _hinted(ways[int(rng.integers(len(ways)))], rng).format(found[1])
    return text


def _hinted(way: str, rng: np.random.Generator) -> str:
    """Sometimes without one of its words, so that every word that tells the meaning is listened to."""
    spoken = way.split()
    telling = [at for at, word in enumerate(spoken) if word.isalpha() and word not in FILLERS - {"to", "up"}]
    if len(telling) > 1 and rng.random() < 0.4:
        spoken[telling[int(rng.integers(len(telling)))]] = _made_up(rng)
    return " ".join(spoken)


def _mumbled(word: str, rng: np.random.Generator) -> str:
    """Words that say little are sometimes left out or were never heard before, so that those do not lead astray."""
    if word.strip(",") not in FILLERS or rng.random() < 0.75:
        return word
    return "" if rng.random() < 0.5 else _made_up(rng)


def _made_up(rng: np.random.Generator) -> str:
    return "".join(chr(ord("a") + int(letter)) for letter in rng.integers(0, 26, 3 + int(rng.integers(5))))
