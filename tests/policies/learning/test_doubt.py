"""What is unusual is far away, and good runs are stopped no more often than was promised."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from policies.learning.doubt import Band, band, calibrate, fit, keep, load_calibration, open_calibration, order_statistic
from policies.learning.folder import CALIBRATION, CARD, Card
from protocol.episode_folder import hash_file
from protocol.errors import Refused

ALPHA = 0.15


def test_the_unusual_is_far_and_directions_count_by_how_much_they_vary() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(2000, 8)) * np.array([5.0] + [0.1] * 7)
    familiar = fit(seen)
    usual = familiar.distance(rng.normal(size=(500, 8)) * np.array([5.0] + [0.1] * 7))
    wide, narrow = np.zeros(8), np.zeros(8)
    wide[0] = narrow[1] = 5.0
    assert familiar.distance(wide) < np.quantile(usual, 0.9)
    assert familiar.distance(narrow) > 2 * usual.max()


def test_a_direction_that_never_varied_does_not_count_without_end() -> None:
    seen = np.zeros((50, 3))
    seen[:, 0] = np.random.default_rng(0).normal(size=50)
    assert math.isfinite(float(fit(seen).distance(np.array([0.0, 1.0, 0.0]))))


@pytest.mark.parametrize("features", [np.zeros((1, 3)), np.full((5, 3), np.nan)])
def test_features_that_say_nothing_are_refused(features: np.ndarray) -> None:
    with pytest.raises(Refused) as refused:
        fit(features)
    assert refused.value.code == "calibration_data"


@pytest.mark.parametrize(("count", "rank"), [(10, 10), (20, 18), (50, 44), (19, 17)])
def test_the_order_statistic_is_the_strict_one(count: int, rank: int) -> None:
    assert order_statistic(np.arange(1.0, count + 1), ALPHA) == rank


def test_too_few_runs_promise_nothing_and_never_alarm() -> None:
    assert order_statistic(np.arange(5.0), ALPHA) == math.inf
    assert order_statistic(np.arange(6.0), ALPHA) == 5.0


def runs(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Scores that rise and fall together and have their own level."""
    return [3 + np.sin(np.arange(n) / 5) + rng.normal() * 0.3 + rng.normal(0, 0.2, n) for n in rng.integers(20, 40, count)]


def test_fresh_good_runs_are_stopped_as_rarely_as_was_promised() -> None:
    rng = np.random.default_rng(1)
    alarms = []
    for _ in range(60):
        limit = band(runs(rng, 30), runs(rng, 30), ALPHA)
        alarms += [limit.first_alarm(run) is not None for run in runs(rng, 20)]
    assert 0.04 < np.mean(alarms) < ALPHA + 0.03


def test_a_run_that_leaves_the_band_is_stopped_where_it_leaves() -> None:
    rng = np.random.default_rng(2)
    limit = band(runs(rng, 30), runs(rng, 30), ALPHA)
    run = runs(rng, 1)[0]
    run[12:] += 6
    assert limit.first_alarm(run) == 12


def test_what_was_kept_comes_back_and_damage_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    familiar, limit = fit(rng.normal(size=(100, 4))), band(runs(rng, 20), runs(rng, 20), ALPHA)
    keep(path := tmp_path / "calibration.safetensors", familiar, limit)
    again, band_again = load_calibration(path)
    assert np.array_equal(again.precision, familiar.precision)
    assert band_again.upper(7) == limit.upper(7)
    keep(path, familiar, Band(limit.mean, limit.width[:-1]))
    with pytest.raises(Refused) as refused:
        load_calibration(path)
    assert refused.value.code == "calibration_damaged"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(Refused, match="cannot be read"):
        load_calibration(path)


def folder_of(tmp_path: Path, doubt: dict[str, object] | None = None, kept: bool = True) -> tuple[Path, str]:
    """(folder, sha256 of its calibration): with a card that says this of its doubt."""
    rng = np.random.default_rng(3)
    keep(tmp_path / CALIBRATION, fit(rng.normal(size=(100, 4))), band(runs(rng, 20), runs(rng, 20), ALPHA))
    sha256 = hash_file(tmp_path / CALIBRATION).sha256
    figures = {} if doubt is None else {"doubt": doubt}
    (tmp_path / CARD).write_bytes(msgspec.json.encode(Card(name="one", parameters=0, figures=figures)))
    if not kept:
        (tmp_path / CALIBRATION).unlink()
    return tmp_path, sha256


@pytest.mark.parametrize(
    ("doubt", "kept", "expected"),
    [
        ({"alpha": ALPHA, "runs": 40}, False, None),  # the card alone says that there is one
        ({"sha256": "0" * 64}, True, None),
        (None, False, "own"),
        (None, True, "0" * 64),
        (None, True, ""),  # it was brought in without one
    ],
)
def test_a_calibration_that_was_lost_or_swapped_is_refused(
    tmp_path: Path, doubt: dict[str, object] | None, kept: bool, expected: str | None
) -> None:
    folder, sha256 = folder_of(tmp_path, doubt, kept)
    with pytest.raises(Refused) as refused:
        open_calibration(folder, sha256 if expected == "own" else expected)
    assert refused.value.code == "calibration_damaged"


def test_a_calibration_is_opened_where_it_is_the_one_that_is_known(tmp_path: Path) -> None:
    folder, sha256 = folder_of(tmp_path)
    assert open_calibration(folder, sha256) is not None and open_calibration(folder) is not None
    (folder / CALIBRATION).unlink()
    assert open_calibration(folder) is None and open_calibration(folder, "") is None


def test_a_phase_that_comes_some_steps_early_or_late_is_not_unusual() -> None:
    rng = np.random.default_rng(3)
    spread = np.where(np.arange(20) == 10, 3.0, 0.1)  # at one step good runs differ much
    runs = [5 + rng.normal(size=20) * spread for _ in range(60)]
    limit = band(runs[:20], runs[20:], ALPHA)
    wide, narrow = limit.upper(10), limit.upper(2)
    assert wide > narrow + 2
    assert limit.first_alarm(np.where(np.arange(20) == 8, 6.5, 5.0)) is None
    assert limit.first_alarm(np.where(np.arange(20) == 2, 6.5, 5.0)) == 2


def test_runs_calibrate_a_policy_and_fresh_ones_rarely_leave_the_band() -> None:
    rng = np.random.default_rng(4)
    whole = [rng.normal(size=(int(n), 6)).astype(np.float32) for n in rng.integers(10, 30, 150)]
    familiar, limit = calibrate(whole, ALPHA)
    fresh = [rng.normal(size=(20, 6)) for _ in range(200)]
    assert np.mean([limit.first_alarm(familiar.distance(run)) is not None for run in fresh]) < ALPHA + 0.08
    strange = [rng.normal(size=(20, 6)) + 4 for _ in range(20)]
    assert all(limit.first_alarm(familiar.distance(run)) is not None for run in strange)


@pytest.mark.parametrize(("alpha", "least"), [(0.15, 12), (0.3, 6), (0.05, 38)])
def test_fewer_runs_than_can_promise_anything_calibrate_nothing(alpha: float, least: int) -> None:
    rng = np.random.default_rng(5)
    whole = [rng.normal(size=(20, 6)).astype(np.float32) for _ in range(least)]
    with pytest.raises(Refused, match=f"{least} are the least") as refused:
        calibrate(whole[:-1], alpha)
    assert refused.value.code == "calibration_data"
    assert np.isfinite(calibrate(whole, alpha)[1].width).all()


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_a_share_of_false_alarms_that_cannot_be_is_refused(alpha: float) -> None:
    with pytest.raises(Refused, match="between 0 and 1"):
        calibrate([np.zeros((20, 6), np.float32)] * 20, alpha)
