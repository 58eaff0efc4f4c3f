"""Words become numbers: the same everywhere, near where they look alike, and never too many."""

from __future__ import annotations

import numpy as np

from bench.policy import SAID
from policies.learning.paraphrases import paraphrase
from policies.learning.words import BUCKETS, LONGEST, PIECES, WORDS, pieces, tokens, words
from robot.world.experts import lift, reach


def test_case_and_punctuation_do_not_matter() -> None:
    assert words("Pick up the RED cube, please!") == ["pick", "up", "the", "red", "cube", "please"]
    assert (tokens("Red cube.") == tokens("red  CUBE")).all()


def test_words_that_look_alike_share_pieces() -> None:
    assert len(set(pieces("cubes")) & set(pieces("cube"))) >= 3
    assert not set(pieces("cube")) & set(pieces("tray"))


def test_an_endless_instruction_stays_small() -> None:
    found = tokens("lift " * 10_000 + "x" * LONGEST)
    assert found.shape == (WORDS, PIECES)
    assert found.min() >= 0 and found.max() < BUCKETS


def test_nothing_said_is_still_a_word() -> None:
    assert (tokens("")[0] > 0).any()
    assert not (tokens("")[1:] > 0).any()


def test_paraphrases_keep_colour_and_thing_apart_from_the_others() -> None:
    rng = np.random.default_rng(0)
    said = {paraphrase("Lift the red cube", rng) for _ in range(200)}
    assert len(said) > 30
    assert all("red" in one for one in said)
    assert any("block" in one for one in said)
    assert not any("blue" in one or "cylinder" in one for one in said)


def test_what_is_measured_as_never_trained_on_is_never_trained_on() -> None:
    rng = np.random.default_rng(0)
    sentences = [s.format(thing="red cube") for task in (reach, lift) for s in task._SENTENCES]
    heard = {" ".join(words(paraphrase(sentence, rng))) for sentence in sentences for _ in range(6000)}
    asked = {" ".join(words(s.format(thing="red cube"))) for said in SAID.values() for s in said}
    assert len(heard) > 1000
    assert not heard & asked


def test_words_never_heard_stand_in_for_those_that_say_little_only() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        said = paraphrase("Hover above the red cube", rng)
        assert "red" in said
        assert any(word in said for word in ("cube", "block", "box"))
