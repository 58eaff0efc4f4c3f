"""How far two reviewers agree.  No Django."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """`kappa` is None where chance alone explains everything: nothing to compare, or one answer only."""

    agreed: int
    both: int
    kappa: float | None


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Of two people's answers to the same questions.

    kappa = (p_o - p_e) / (1 - p_e), p_o the share of equal answers, p_e the share that two people with these habits
    would agree in by chance: J. Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological
    Measurement 20(1), 1960, pages 37 to 46.
    """
    both = len(pairs)
    agreed = sum(mine == theirs for mine, theirs in pairs)
    if not both:
        return Agreement(0, 0, None)
    mine, theirs = Counter(pair[0] for pair in pairs), Counter(pair[1] for pair in pairs)
    by_chance = sum(count * theirs[answer] for answer, count in mine.items()) / both**2
    kappa = None if by_chance == 1 else (agreed / both - by_chance) / (1 - by_chance)
    return Agreement(agreed, both, kappa)
