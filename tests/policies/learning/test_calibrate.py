"""A policy's doubt is calibrated from recordings that it did not learn from, and never from too few of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from policies.learning import calibrate
from policies.learning.config import Config
from policies.learning.doubt import open_calibration
from policies.learning.folder import CALIBRATION, CARD
from policies.learning.policy import open_policy
from policies.learning.read import Choice, choices
from policies.learning.train import train
from protocol.errors import Refused


@pytest.fixture
def policy(small: Config) -> Path:
    train(small, lambda line: None)
    return Path(small.out)


def test_too_few_recordings_calibrate_nothing_and_the_sentence_says_how_many_are_needed(
    policy: Path, demonstrations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (policy / CARD).read_bytes()
    assert calibrate.main([str(policy), str(demonstrations)]) == 1
    said = capsys.readouterr().err
    assert "3 successful episodes" in said and "12 are the least" in said and "calibration_data" in said
    assert (policy / CARD).read_bytes() == before and not (policy / CALIBRATION).exists()


def test_recordings_calibrate_a_policy_and_its_card_says_from_what(
    policy: Path, demonstrations: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibrate, "choices", lambda path: choices(path) * 5)
    assert calibrate.main([str(policy), str(demonstrations), "--alpha", "0.2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["alpha"], told["runs"], told["of"]) == (0.2, 15, "recordings")
    assert open_policy(policy).card.figures["doubt"] == told
    usual = open_calibration(policy)
    assert usual is not None and np.isfinite(usual[1].width).all()
    assert {path.name for path in policy.iterdir()} == {CALIBRATION, CARD, "config.json", "policy.safetensors"}


def test_only_what_was_set_aside_and_went_well_is_used(
    policy: Path, demonstrations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = choices(demonstrations)
    version = tmp_path / "manifest.json"
    version.write_text("{}")
    card = open_policy(policy).card
    drawn = [Choice(whole[0].folder, outcome=str(n)) for n in range(10)]
    monkeypatch.setattr(calibrate, "choices", lambda path: drawn)
    assert len(calibrate.held_out(version, card)) == 3  # by the card's share and seed, as its training did
    said = [Choice(whole[0].folder, validation=n < 4, outcome="failure" if n else "success") for n in range(10)]
    monkeypatch.setattr(calibrate, "choices", lambda path: said)
    assert [one.validation for one in calibrate.held_out(version, card)] == [True] * 4
    with pytest.raises(Refused, match="1 successful episodes"):
        calibrate.calibrated(policy, version)


def test_what_a_training_made_is_calibrated_or_its_card_says_why_not(
    policy: Path, small: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrate.after(small)
    [limit] = open_policy(policy).card.limits
    assert "not calibrated" in limit and "12 are the least" in limit
    assert not (policy / CALIBRATION).exists()

    monkeypatch.setattr(calibrate, "choices", lambda path: choices(path) * 5)
    calibrate.after(small)
    assert open_policy(policy).card.figures["doubt"]["runs"] == 15
    assert open_calibration(policy) is not None
