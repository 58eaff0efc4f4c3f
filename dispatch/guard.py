"""What a sentence asks of a robot: a goal within what the chosen policy knows, or a refusal that says why and what would do.

Every word must be accounted for: what is not understood is refused, never passed over.  Pure: no database, no clock.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from dispatch.words import Phrase, Word, found, pick_up, split
from policies.learning.paraphrases import SAME
from protocol.errors import Refused
from protocol.runs import Goal

LONGEST = 200  # characters
Kind = Literal["skill", "object", "place"]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _same(phrase: str) -> tuple[str, ...]:
    """All that may stand for it, itself among them."""
    return next((group for group in SAME if phrase in group), (phrase,))


_POLITE = (
    "i want you to", "i would like you to", "could you", "can you", "would you", "will you", "please", "now", "robot", "for me",
    "carefully", "gently", "thanks", "thank you", "from the table", "off the table", "on the table",
)  # fmt: skip
_GLUE = _set("the a an and it them that this to of from off on onto at up over above by its then")
_ANYTHING = _set("thing object one something anything it them that this everything all")
_INTO = {*_same("into"), "to", "on", "onto"}
_NEGATIONS = _set("not never dont without except avoid")
_NO_TASK = _set(
    "stop stops stopping estop emergency halt limit limits limiter speed fast faster fastest quickly hard harder full maximum "
    "max override disable enable deactivate activate ignore forget bypass unlock lock safety safe guard rule rules permission "
    "permissions lease deadman instruction instructions prompt system administrator admin force strength power"
)
_REACH, _PLACE, _PUSH, _LIFT = _same("reach"), _same("put"), _same("push"), _same("lift")
_VERBS = (_LIFT, _REACH, _PLACE, _PUSH)
_HAND_TO = tuple(" ".join(words) for words in product(_same("move the"), _same("gripper"), (*_same("over"), "to")))
_SIDES = frozenset(("left", "right"))


@dataclass(frozen=True)
class Knows:
    """What a policy was taught: names of skills ("lift", "push left") and of objects ("red cube")."""

    skills: tuple[str, ...]
    objects: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Characters first..last (not included) of the sentence, and what they were understood as."""

    first: int
    last: int
    kind: Kind
    name: str


@dataclass(frozen=True)
class Understood:
    goal: Goal
    parts: tuple[Part, ...]


def understand(sentence: str, knows: Knows) -> Understood:
    """The goal.  Refused: `sentence_empty`, `sentence_too_long`, `sentence_hidden`, `sentence_letters`, `not_a_task`,
    `negation`, `unknown_skill`, `several_steps`, `unknown_object`, `ambiguous_object`, `several_objects`, `unknown_words`; each
    with `skills` and `objects` of the policy, and `candidates` where one of them may be meant."""
    check_letters(sentence)
    words = split(sentence)
    _check_asks(words, knows)
    for phrase in found(words, _POLITE):
        phrase.take("polite")
    objects = list(_mentions(words, knows))
    verbs = _verbs(words, objects)
    skill = _skill(verbs, words, objects, knows)
    if not objects:
        raise _no_object(words, knows)
    target, place = _target(skill, objects, words, knows)
    if left := [word.text for word in words if not word.taken and word.text not in _GLUE | _INTO]:
        raise _refused(
            "unknown_words", f"It is not clear what “{' '.join(left)}” asks for. Leave it out or say it otherwise.", knows
        )
    parts = [_part(phrase, "skill", skill) for phrase in verbs] + [_part(target.phrase, "object", target.name)]
    parts += [_part(place.phrase, "place", place.name)] if place else []
    return Understood(Goal(skill, target.name), tuple(sorted(parts, key=lambda part: part.first)))


def check_letters(sentence: str) -> None:
    """Refuses what cannot be a sentence of plain visible words."""
    if not any(character.isalnum() for character in sentence[:LONGEST]):
        raise Refused("sentence_empty", "Say in a sentence what the robot should do.")
    if len(sentence) > LONGEST:
        raise Refused(
            "sentence_too_long", f"A sentence may have {LONGEST} characters; this one has {len(sentence)}. Say one thing."
        )
    for character in sentence:
        if unicodedata.category(character)[0] == "C" or unicodedata.category(character) in ("Zl", "Zp"):
            raise Refused("sentence_hidden", "The sentence holds characters that cannot be seen. Type it again in one line.")
    if any(character.isalpha() and not character.isascii() for character in sentence):
        raise Refused("sentence_letters", "Use English words in the letters a to z; the policies were taught in them.")


def _check_asks(words: list[Word], knows: Knows) -> None:
    meant = {id(word) for phrase in found(words, _REACH) for word in phrase.words}  # "stop above" is no stop
    texts = {word.text for word in words if id(word) not in meant}
    if said := sorted(texts & _NO_TASK):
        quoted = ", ".join(f"“{word}”" for word in said[:3])
        sentence = f"Stops, speed, limits and rules are not changed by a sentence ({quoted}). To stop a robot press Remote stop."
        raise _refused("not_a_task", sentence, knows)
    if texts & _NEGATIONS or found(words, ("do not", "don t")):
        raise _refused("negation", "Say what the robot should do, not what it should leave.", knows)


# -- verbs -------------------------------------------------------------------------------------------------------------


def _group(phrase: str) -> int:
    """Which of the verbs a skill or phrase belongs to, -1 for none."""
    return next((index for index, group in enumerate(_VERBS) if phrase in group), -1)


def _verbs(words: list[Word], objects: list[_Mention]) -> list[Phrase]:
    verbs = pick_up(words)
    for phrase in verbs:
        phrase.take(_LIFT[0])
    for group in _VERBS:
        for phrase in found(words, (*_HAND_TO, "move over", "move above", *group) if group is _REACH else group):
            phrase.take(group[0])
            verbs.append(phrase)
    sides = any(word.text in _SIDES for word in words)
    for phrase in found(words, ("move", "by pushing", "by pushing it")):
        pushed = sides or "pushing" in phrase.text
        phrase.take(_PUSH[0] if pushed else _PLACE[0] if len(objects) > 1 else _REACH[0])
        verbs.append(phrase)
    return sorted(verbs, key=lambda phrase: phrase.first)


def _skill(verbs: list[Phrase], words: list[Word], objects: list[_Mention], knows: Knows) -> str:
    """The policy's own name of what is asked."""
    if not verbs:
        left = next((word.text for word in words if not word.taken and word.text not in _GLUE), "")
        said = f"This policy does not know how to “{left}”. It knows" if left else "Say what to do with it:"
        raise _refused("unknown_skill", f"{said} {_listed(knows.skills)}.", knows, candidates=knows.skills)
    groups = [_group(phrase.words[0].taken) for phrase in verbs]
    if len(set(groups)) > 1 and not (groups[0] == 0 and groups[1:] == [2]):  # "take it and put it" is one thing
        raise _refused("several_steps", "The sentence asks for more than one thing. Say one; the next can follow.", knows)
    sides = {word.text for word in words if word.text in _SIDES}
    for word in words:
        if word.text in _SIDES or (sides and word.text == "side"):
            word.taken = word.taken or "side"
    fitting = [skill for skill in knows.skills if _group(skill.split()[0]) == groups[-1] and _sided(skill, sides)]
    if len(fitting) == 1:
        return fitting[0]
    asked = " ".join([verbs[-1].text, *sorted(sides)])
    fitting = fitting or [skill for skill in knows.skills if _group(skill.split()[0]) == groups[-1] and not sides]
    if fitting:
        raise _refused("ambiguous_skill", f"“{asked}” may be {_listed(fitting, 'or')}. Say which.", knows, candidates=fitting)
    sentence = f"This policy does not know how to “{asked}”. It knows {_listed(knows.skills)}."
    raise _refused("unknown_skill", sentence, knows, candidates=knows.skills)


def _sided(skill: str, sides: set[str]) -> bool:
    """A skill that names a side is asked by that side; one that names none is asked without one."""
    own = _SIDES & set(skill.split())
    return own == sides if own else not sides or _group(skill) == 3


# -- objects -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Mention:
    phrase: Phrase
    name: str


def _mentions(words: list[Word], knows: Knows) -> Iterator[_Mention]:
    """Every object that is named: in full first, then by less where that is enough."""
    for name in sorted(knows.objects, key=len, reverse=True):
        *before, noun = name.split()
        for phrase in found(words, tuple(" ".join([*before, other]) for other in _same(noun))):
            phrase.take("object")
            yield _Mention(phrase, name)
    nouns = {other for name in knows.objects for other in _same(name.split()[-1])}
    colours = {word for name in knows.objects for word in name.split()[:-1]}
    for index, word in enumerate(words):
        if not word.taken and word.text in nouns:
            yield _by_noun(words, index, knows)
        elif not word.taken and word.text in colours and not _followed(words, index, nouns):
            yield _by_colour(words, index, knows)


def _followed(words: list[Word], index: int, nouns: set[str]) -> bool:
    rest = (word for word in words[index + 1 :])
    return any(word.text in nouns and not word.taken for word in list(rest)[:2])


def _by_noun(words: list[Word], index: int, knows: Knows) -> _Mention:
    """ "the cube": enough when there is one.  "the purple cube": none that is known."""
    noun, start = words[index].text, index
    while (
        start
        and not words[start - 1].taken
        and words[start - 1].text not in _GLUE | _INTO
        and not _is_verb(words[start - 1].text)
    ):
        start -= 1
    phrase = Phrase(tuple(words[start : index + 1]))
    fitting = [name for name in knows.objects if noun in _same(name.split()[-1])]
    if len(phrase.words) > 1:
        sentence = f"This policy knows no {phrase.text}. It knows {_listed(knows.objects)}."
        raise _refused("unknown_object", sentence, knows, candidates=fitting)
    return _only(phrase, fitting, knows)


def _by_colour(words: list[Word], index: int, knows: Knows) -> _Mention:
    end = index + 2 if index + 1 < len(words) and words[index + 1].text in _ANYTHING else index + 1
    phrase = Phrase(tuple(words[index:end]))
    if end == index + 1 and end < len(words) and not words[end].taken and words[end].text not in _GLUE | _INTO:
        phrase = Phrase(tuple(words[index : end + 1]))  # "red banana"
        sentence = f"This policy knows no {phrase.text}. It knows {_listed(knows.objects)}."
        raise _refused("unknown_object", sentence, knows, candidates=knows.objects)
    return _only(phrase, [name for name in knows.objects if words[index].text in name.split()], knows)


def _only(phrase: Phrase, fitting: list[str], knows: Knows) -> _Mention:
    if len(fitting) != 1:
        sentence = f"“{phrase.text}” may be {_listed(fitting, 'or')}. Say which."
        raise _refused("ambiguous_object", sentence, knows, candidates=fitting)
    phrase.take("object")
    return _Mention(phrase, fitting[0])


def _is_verb(text: str) -> bool:
    return any(text in phrase.split() for group in _VERBS for phrase in group)


def _no_object(words: list[Word], knows: Knows) -> Refused:
    left = [word.text for word in words if not word.taken and word.text not in _GLUE | _INTO | _ANYTHING]
    if left:
        sentence = f"This policy knows no “{' '.join(left)}”. It knows {_listed(knows.objects)}."
        return _refused("unknown_object", sentence, knows, candidates=knows.objects)
    sentence = f"Say with which object: {_listed(knows.objects, 'or')}."
    return _refused("ambiguous_object", sentence, knows, candidates=knows.objects)


def _target(skill: str, objects: list[_Mention], words: list[Word], knows: Knows) -> tuple[_Mention, _Mention | None]:
    """What the skill is about, and for placing where it goes."""
    ordered = sorted(objects, key=lambda one: one.phrase.first)
    if len({one.name for one in ordered}) == 1:
        return ordered[0], None
    if _group(skill.split()[0]) == 2 and len(ordered) == 2 and _is_into(words, ordered[1]):
        return ordered[0], ordered[1]
    names = list(dict.fromkeys(one.name for one in ordered))
    sentence = f"The sentence names {_listed(names)}. Say one of them."
    raise _refused("several_objects", sentence, knows, candidates=names)


def _is_into(words: list[Word], place: _Mention) -> bool:
    before = [word.text for word in words if word.last <= place.phrase.first][-2:]
    return bool(_INTO & set(before))


# -- words to people ---------------------------------------------------------------------------------------------------


def _listed(names: Any, last: str = "and") -> str:
    names = list(names)
    if len(names) < 2:
        return names[0] if names else "nothing"
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def _refused(code: str, sentence: str, knows: Knows, candidates: Any = ()) -> Refused:
    return Refused(code, sentence, candidates=list(candidates), skills=list(knows.skills), objects=list(knows.objects))


def _part(phrase: Phrase, kind: Kind, name: str) -> Part:
    return Part(phrase.first, phrase.last, kind, name)
