"""Each fault that is put into a real episode is found where it was put; nothing is found in good ones."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from episodes.data.checks.finding import Finding, Trim, codes_of, status_of
from episodes.data.checks.registry import MOST_OF_A_CODE
from episodes.data.checks.signature import alike, duplicates, near_pairs
from episodes.data.examine import Examined, examine
from episodes.data.faults.copy import Copy, open_copy, write_copy
from episodes.data.faults.registry import FAULTS, inject
from episodes.data.scores import path_efficiency, spectral_arc_length
from protocol.episode_folder import check_folder
from tests.episodes.moving import HZ, enormous, moving


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving(tmp_path_factory.mktemp("good"))


def looked(folder: Path) -> Examined:
    return examine(folder, folder.parent / "poster.jpg", folder.parent / "columns.f32")


def changed(source: Path, parent: Path) -> Copy:
    parent.mkdir(exist_ok=True)
    return open_copy(source)


def test_a_good_episode_is_ready_and_scored(good: Path) -> None:
    examined = looked(good)
    assert examined.findings == ()
    assert status_of(examined.findings) == "ready"
    assert set(examined.scores) == {"smoothness", "path_efficiency", "idle_share", "operator_latency_ms", "lag_ms"}
    assert examined.scores["operator_latency_ms"] == 80.0
    assert examined.trim is None
    assert (good.parent / "poster.jpg").exists()


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if "duplicate" not in kind])
@pytest.mark.parametrize("seed", [1, 2])
def test_each_fault_is_found_where_it_was_put(good: Path, tmp_path: Path, kind: str, seed: int) -> None:
    made = inject(good, tmp_path, kind, seed)
    assert made is not None
    folder, fault = made
    found = looked(folder).findings
    right = [f for f in found if f.code in fault.codes and f.first <= fault.last and f.last >= fault.first]
    assert right, [f.sentence for f in found]
    assert right[0].camera in ("", fault.camera)
    assert right[0].sentence.endswith(".")


def test_what_is_wrong_inside_leaves_a_folder_that_is_whole(good: Path, tmp_path: Path) -> None:
    made = inject(good, tmp_path, "frozen", 3)
    assert made is not None
    assert check_folder(made[0]).rows == 120


def test_a_scene_at_rest_is_no_frozen_camera(tmp_path: Path) -> None:
    pauses = ((0.0, 0.8), (1.5, 3.6), (5.0, 5.2), (6.0, 6.7))
    assert looked(moving(tmp_path, rows=240, pauses=pauses)).findings == ()


@pytest.mark.parametrize(("light", "noise"), [(0.12, 0.0), (0.12, 2.0), (1.0, 4.0)])
def test_a_dark_room_is_not_black_and_noise_is_no_blur(tmp_path: Path, light: float, noise: float) -> None:
    assert looked(moving(tmp_path, light=light, noise=noise, pauses=((1.0, 2.0),))).findings == ()


def test_idle_ends_are_proposed_to_be_cut_before_they_are_a_fault(tmp_path: Path) -> None:
    short = looked(moving(tmp_path / "a", rows=150, pauses=((0.0, 1.0), (4.4, 5.0))))
    assert short.findings == ()
    assert short.trim == Trim(25, 137)
    long = looked(moving(tmp_path / "b", rows=150, pauses=((0.0, 2.0),)))
    assert [finding.code for finding in long.findings] == ["idle_head"]
    assert status_of(long.findings) == "warned"


def test_numbers_that_are_missing_before_the_robot_answers_can_be_trimmed(good: Path, tmp_path: Path) -> None:
    copy = changed(good, tmp_path)
    copy.columns["state"][:4] = math.nan
    copy.columns["pilot"][:4] = "hold"
    (finding,) = looked(write_copy(copy, tmp_path)).findings
    assert (finding.code, finding.severity, finding.first, finding.last) == ("not_a_number", "warning", 0, 3)


def test_a_robots_clock_that_is_set_back_is_a_warning_and_its_own_is_not(good: Path, tmp_path: Path) -> None:
    copy = changed(good, tmp_path)
    copy.columns["time_ns"][60:] -= 10**9
    for camera in copy.meta.cameras:
        copy.columns[f"capture_ns.{camera}"][60:] -= 10**9
    assert status_of(looked(write_copy(copy, tmp_path)).findings) == "warned"


def test_a_very_bad_episode_does_not_fill_the_database(good: Path, tmp_path: Path) -> None:
    copy = changed(good, tmp_path)
    copy.keep_rows(np.tile(np.arange(120), 9))
    copy.even_times()
    copy.columns["state"][::25, 0] = 5.0
    found = [finding for finding in looked(write_copy(copy, tmp_path)).findings if finding.code == "limit"]
    assert len(found) == MOST_OF_A_CODE
    assert any(finding.sentence.startswith("And 25 times more") for finding in found)


# -- files that nobody should believe -----------------------------------------------------------------------------------


def one_finding(folder: Path) -> Finding:
    examined = looked(folder)
    assert status_of(examined.findings) == "rejected"
    assert examined.columns == ()
    return examined.findings[0]


def test_a_table_without_its_footer(good: Path, tmp_path: Path) -> None:
    """Row 55 of the bad inputs."""
    copy = changed(good, tmp_path)
    copy.raw["frames.parquet"] = (good / "frames.parquet").read_bytes()[:-200]
    assert one_finding(write_copy(copy, tmp_path)).code == "table_unreadable"


@pytest.mark.parametrize("rate", ["0", "-30", "1e9", "NaN"])
def test_a_rate_that_cannot_be(good: Path, tmp_path: Path, rate: str) -> None:
    """Row 57 of the bad inputs."""
    folder = write_copy(changed(good, tmp_path), tmp_path)
    raw = (folder / "episode.json").read_bytes()
    (folder / "episode.json").write_bytes(raw.replace(b'"record_hz": 30.0', b'"record_hz": ' + rate.encode()))
    finding = one_finding(folder)
    assert finding.code == "episode_meta"
    assert len(finding.sentence) > 20


def test_times_that_run_backwards_are_rejected(good: Path, tmp_path: Path) -> None:
    """Row 57 of the bad inputs."""
    made = inject(good, tmp_path, "time_backwards", 7)
    assert made is not None
    assert status_of(looked(made[0]).findings) == "rejected"


def test_fewer_pictures_than_rows(good: Path, tmp_path: Path) -> None:
    """Row 58 of the bad inputs."""
    copy = changed(good, tmp_path)
    copy.pictures("wrist").pop()
    finding = one_finding(write_copy(copy, tmp_path))
    assert (finding.code, finding.camera) == ("frame_count", "wrist")
    assert "119 pictures for 120 rows" in finding.sentence


def test_a_video_that_says_65535_by_65535(good: Path, tmp_path: Path) -> None:
    """Row 59 of the bad inputs."""
    copy = changed(good, tmp_path)
    copy.raw["video/scene.mp4"] = enormous((good / "video" / "scene.mp4").read_bytes())
    assert one_finding(write_copy(copy, tmp_path)).code in ("video_size", "video_unreadable")


def test_a_playlist_with_an_address_in_it(good: Path, tmp_path: Path) -> None:
    """Row 59 of the bad inputs: nothing is fetched."""
    copy = changed(good, tmp_path)
    copy.raw["video/scene.mp4"] = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    assert one_finding(write_copy(copy, tmp_path)).code == "video_unreadable"


def test_a_folder_with_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert one_finding(tmp_path / "empty").code == "episode_meta"


# -- duplicates ---------------------------------------------------------------------------------------------------------


def test_a_copy_and_a_near_copy_are_recognised_and_another_drive_is_not(good: Path, tmp_path: Path) -> None:
    mine = looked(good).signature
    same, near = (inject(good, tmp_path, kind, 1) for kind in ("duplicate", "near_duplicate"))
    other = looked(moving(tmp_path / "other", seed=9)).signature
    assert mine is not None and other is not None and same is not None and near is not None
    copied, nearly = looked(same[0]).signature, looked(near[0]).signature
    assert copied is not None and nearly is not None
    assert [f.code for f in duplicates(copied, [("episode 1", mine)])] == ["duplicate"]
    (finding,) = duplicates(nearly, [("episode 2", other), ("episode 1", mine)])
    assert (finding.code, finding.severity) == ("near_duplicate", "warning")
    assert "episode 1" in finding.sentence
    assert not alike(mine, other)
    assert [pair[:2] for pair in near_pairs([("a", mine), ("b", other), ("c", nearly)])] == [("a", "c")]
    assert not alike(mine, msgspec.structs.replace(mine, embodiment="0" * 64))


def test_the_same_motion_before_another_thing_is_another_episode(good: Path, tmp_path: Path) -> None:
    copy = changed(good, tmp_path / "other")
    for picture in copy.pictures("scene"):
        picture[80:105, 100:125] = 235
    mine, other = looked(good).signature, looked(write_copy(copy, tmp_path)).signature
    assert mine is not None and other is not None
    assert duplicates(other, [("episode 1", mine)]) == []


# -- words and numbers --------------------------------------------------------------------------------------------------


def test_findings_make_a_status_and_searchable_codes() -> None:
    warning = Finding(code="frozen", severity="warning", sentence="It froze.")
    reject = Finding(code="black", severity="reject", sentence="It is black.")
    assert (status_of([]), status_of([warning]), status_of([warning, reject])) == ("ready", "warned", "rejected")
    assert codes_of([warning, reject, warning]) == "|black|frozen|"
    assert codes_of([]) == ""


def test_smooth_speed_scores_higher_whatever_its_size_and_length() -> None:
    at = np.linspace(0, 1, 120)
    bell = 30 * at**2 - 60 * at**3 + 30 * at**4  # minimum jerk
    shaken = bell * (1 + 0.5 * np.sin(2 * np.pi * 12 * at))
    smooth = spectral_arc_length(bell, HZ)
    assert smooth is not None
    assert -1.7 < smooth < -1.3
    assert spectral_arc_length(7 * bell, HZ) == pytest.approx(smooth)
    assert spectral_arc_length(np.interp(np.linspace(0, 1, 240), at, bell), HZ) == pytest.approx(smooth, abs=0.05)
    rough = spectral_arc_length(shaken, HZ)
    assert rough is not None
    assert rough < smooth - 0.3
    assert spectral_arc_length(np.zeros(50), HZ) is None


def test_a_straight_way_is_efficient_and_a_round_one_is_not() -> None:
    line = np.linspace([0, 0], [1, 2], 20)
    assert path_efficiency(line) == pytest.approx(1.0)
    assert path_efficiency(np.concatenate([line, line[::-1]])) == pytest.approx(0.0)
    assert path_efficiency(np.zeros((5, 2))) is None
