"""Bits follow what the links carry: down at once, up slowly, the driver first."""

from __future__ import annotations

from robot.link.bitrate import MAX_CAMERA_BIT_S, LinkEstimate, Plan, RateControl, budget, divide


def test_heavy_loss_lowers_the_estimate_and_calm_raises_it() -> None:
    link = LinkEstimate()
    start = link.bit_s
    link.on_report(0.4, 0.02, 1.0)
    lowered = link.bit_s
    assert lowered == start * 0.8
    for second in range(2, 40):
        link.on_report(0.0, 0.02, float(second))
    assert link.bit_s > start


def test_a_little_loss_changes_nothing() -> None:
    link = LinkEstimate()
    before = link.bit_s
    link.on_report(0.05, 0.02, 1.0)
    assert link.bit_s == before


def test_a_growing_round_trip_means_a_queue_and_backs_off_without_loss() -> None:
    link = LinkEstimate()
    link.on_report(0.05, 0.02, 0.0)
    before = link.bit_s
    link.on_report(0.0, 0.25, 1.0)
    assert link.bit_s == before * 0.8


def test_reports_that_come_in_a_burst_back_off_once() -> None:
    link = LinkEstimate()
    start = link.bit_s
    for i in range(5):
        link.on_report(0.2, None, 1.0 + i * 0.01)
    assert link.bit_s == start * 0.9


def test_a_falling_estimate_of_the_browser_lowers_ours_and_calm_raises_it_again() -> None:
    link = LinkEstimate()
    link.on_remb(900_000.0, 10.0)
    link.on_remb(400_000.0, 10.5)
    assert link.bit_s == 400_000
    for second in range(11, 20):
        link.on_report(0.0, 0.02, float(second))
    assert link.bit_s > 550_000


def test_a_low_estimate_that_does_not_fall_is_that_of_a_scene_at_rest() -> None:
    link = LinkEstimate()
    start = link.bit_s
    for second in range(10):
        link.on_remb(300_000.0 + 1000 * second, float(second))
    assert link.bit_s == start


def test_nobody_needs_no_bits() -> None:
    assert budget({}, None) is None


def test_who_drives_decides_alone() -> None:
    assert budget({"a": 4e6, "b": 5e5}, "a") == budget({"a": 4e6}, "a")


def test_without_a_driver_the_worst_useful_link_decides() -> None:
    links = {"a": 4e6, "b": 8e5, "modem": 6e4}
    assert budget(links, None) == budget({"b": 8e5}, None)


def test_the_main_camera_gets_twice_the_share() -> None:
    main, wrist = divide(1_500_000, "scene", ("scene", "wrist"))
    assert (main.camera, main.bit_s, wrist.bit_s) == ("scene", 1_000_000, 500_000)
    assert (main.every, main.half) == (1, False)


def test_a_thin_link_first_loses_pictures_then_size() -> None:
    plans = [divide(bits, "scene", ("scene",))[0] for bits in (1e9, 300_000, 200_000, 50_000)]
    assert [(plan.every, plan.half) for plan in plans] == [(1, False), (2, False), (2, True), (4, True)]
    assert plans[0].bit_s == MAX_CAMERA_BIT_S


def test_encoders_are_told_of_a_drop_at_once_and_of_a_rise_after_two_seconds() -> None:
    control = RateControl()
    first, less, more = Plan("scene", 1_000_000), Plan("scene", 700_000), Plan("scene", 1_300_000)
    assert control.changes((first,), 0.0) == (first,)
    assert control.changes((Plan("scene", 950_000),), 0.1) == ()
    assert control.changes((less,), 0.2) == (less,)
    assert control.changes((more,), 1.0) == ()
    assert control.changes((more,), 2.3) == (more,)


def test_a_new_encoder_is_told_everything_again() -> None:
    control = RateControl()
    plan = Plan("scene", 1_000_000)
    control.changes((plan,), 0.0)
    control.forget()
    assert control.changes((plan,), 0.1) == (plan,)
