"""The words of a sentence with their places, and runs of them.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")


@dataclass
class Word:
    """`taken` says what it was understood as; "" while nobody knows."""

    text: str
    first: int
    last: int
    taken: str = ""


@dataclass(frozen=True)
class Phrase:
    """Words that stand beside each other (or belong together, as in "pick it up")."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def first(self) -> int:
        return self.words[0].first

    @property
    def last(self) -> int:
        return self.words[-1].last

    def take(self, meaning: str) -> None:
        for word in self.words:
            word.taken = meaning


def split(sentence: str) -> list[Word]:
    return [Word(match.group().lower(), match.start(), match.end()) for match in _WORD.finditer(sentence)]


def found(words: list[Word], phrases: Iterable[str]) -> list[Phrase]:
    """Where any of these stand among the words nobody has taken, long ones first; no word is in two of them."""
    out: list[Phrase] = []
    used: set[int] = set()
    for phrase in sorted(phrases, key=len, reverse=True):
        wanted = phrase.split()
        for start in range(len(words) - len(wanted) + 1):
            run = words[start : start + len(wanted)]
            if [word.text for word in run] == wanted and not any(word.taken or id(word) in used for word in run):
                used.update(id(word) for word in run)
                out.append(Phrase(tuple(run)))
    return out


def pick_up(words: list[Word]) -> list[Phrase]:
    """ "pick ... up" with something between."""
    for start, word in enumerate(words):
        if word.text == "pick" and not word.taken:
            for other in words[start + 2 :]:
                if other.text == "up" and not other.taken:
                    return [Phrase((word,)), Phrase((other,))]
    return []
