"""Who gets the lease, who keeps it, how it ends.  Rows of refusals stand beside what succeeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from robot.kernel.lease import Claim, Lease
from tests.robot.kernel.rig import FORTH, PEERS, ZERO, Rig, refused


def last(rig: Rig) -> tuple[str, str, str, str, str]:
    entry = rig.authority.log[-1]
    return entry.event, entry.actor, entry.reason, entry.before, entry.after


def test_a_permit_gets_the_first_lease() -> None:
    rig = Rig(now=3.0)
    lease = rig.acquire()
    assert lease == Lease(7, 1, "human", "ann", "Ann", "AA", 3.0)
    assert rig.authority.lease == lease
    assert rig.authority.mode == "TELEOP"
    assert rig.authority.reason == "GRANTED"
    assert rig.authority.actor == "ann"
    assert last(rig) == ("granted", "ann", "GRANTED", "SAFE_HOLD", "TELEOP")
    assert rig.authority.log[-1].detail == {}
    assert (rig.authority.log[-1].epoch, rig.authority.log[-1].seq) == (7, 1)


def test_a_policy_gets_a_lease_of_its_own_kind() -> None:
    rig = Rig()
    assert rig.acquire("pi", "policy") == Lease(7, 1, "policy", "pi", "Pi", "pilot", 0.0)
    assert rig.authority.mode == "AUTONOMY"


def test_i10_the_grant_itself_moves_nothing() -> None:
    rig = Rig()
    rig.acquire()
    assert not rig.moves()
    assert rig.wanted().values is None


def test_i4_each_grant_has_a_higher_number() -> None:
    rig = Rig()
    seen = []
    for _ in range(3):
        lease = rig.acquire()
        seen.append((lease.epoch, lease.seq))
        rig.authority.release("AA", lease.epoch, lease.seq, "released", rig.now)
    assert seen == [(7, 1), (7, 2), (7, 3)]


def test_a_permit_to_clear_does_not_permit_to_drive() -> None:
    rig = Rig()
    with refused("permit_wrong_act"):
        rig.acquire(act="clear")
    assert rig.authority.lease is None


def test_a_permit_counts_only_through_the_connection_it_was_written_for() -> None:
    rig = Rig()
    with refused("fingerprint_mismatch"):
        rig.authority.acquire(rig.claim("ann"), "BB", 0.0)
    assert rig.authority.mode == "SAFE_HOLD"


def test_a_permit_older_than_ten_seconds_is_refused() -> None:
    rig = Rig()
    claim = rig.claim()
    rig.now = 10.0
    rig.authority.acquire(claim, "AA", 10.0)
    late = Rig()
    claim = late.claim()
    with refused("permit_expired"):
        late.authority.acquire(claim, "AA", 10.001)
    with refused("permit_expired"):
        late.authority.acquire(late.claim(nonce="made up"), "AA", 10.001)


def test_nobody_gets_a_lease_while_a_stop_is_latched() -> None:
    rig = Rig()
    rig.authority.stop("bob", 0.0)
    with pytest.raises(Exception, match="stopped") as caught:
        rig.acquire()
    assert caught.value.detail == {"sources": ["bob"]}  # type: ignore[attr-defined]
    assert rig.authority.mode == "ESTOP"


def test_nobody_gets_a_lease_while_the_switch_at_the_robot_is_off() -> None:
    rig = Rig()
    rig.authority.set_remote_motion(False, 0.0)
    with refused("remote_motion_off"):
        rig.acquire()
    rig.authority.set_remote_motion(True, 0.0)
    rig.acquire()


def test_nobody_gets_a_lease_while_the_key_is_live_twice() -> None:
    rig = Rig()
    rig.authority.set_held(True, 0.0)
    with refused("key_held"):
        rig.acquire()
    rig.authority.set_held(False, 0.0)
    rig.acquire()


def test_nobody_gets_a_lease_of_a_body_that_does_not_answer() -> None:
    rig = Rig()
    rig.tick(0.0, body_age=0.3)
    with refused("body_lost"):
        rig.acquire()
    rig.tick(0.1)
    rig.acquire()


@pytest.mark.parametrize(("holder", "holder_act", "asker", "asker_act", "take"), [
    ("ann", "drive", "bob", "drive", False),
    ("ann", "drive", "pi", "policy", False),
    ("ann", "drive", "pi", "policy", True),
    ("pi", "policy", "pi", "policy", True),
])  # fmt: skip
def test_i7_who_may_not_take_learns_who_holds_it(holder: str, holder_act: str, asker: str, asker_act: str, take: bool) -> None:
    rig = Rig()
    lease = rig.acquire(holder, holder_act)
    with pytest.raises(Exception, match="held") as caught:
        rig.acquire(asker, asker_act, take)
    assert caught.value.detail == {"owner": holder.title(), "epoch": 7, "seq": 1}  # type: ignore[attr-defined]
    assert rig.authority.lease == lease


@pytest.mark.parametrize(("holder", "holder_act", "take"), [("pi", "policy", False), ("ann", "drive", True)])
def test_i7_a_person_takes_from_a_policy_at_once_and_from_a_person_with_a_permit_to(
    holder: str, holder_act: str, take: bool
) -> None:
    rig = Rig()
    old = rig.drive(holder, holder_act)
    assert rig.moves()
    new = rig.acquire("bob", take=take)
    assert new.seq == 2
    assert not rig.moves(), "no motion of the old holder may be left"
    assert last(rig)[:3] == ("granted", "bob", "TAKEN")
    assert rig.authority.log[-1].detail == {"from": holder, "seq": 1}
    with refused("lease_old"):
        rig.command(ZERO, holder, lease=old)
    assert rig.authority.reason == "TAKEN"
    rig.tick()
    assert rig.authority.reason == "TAKEN", "taken is this lease's normal reason"


@pytest.mark.parametrize("over", [(7, 2), (7, 0), (8, 1), (6, 1), (0, 0)])
def test_i7_a_permit_to_take_ends_the_lease_it_names_and_no_other(over: tuple[int, int]) -> None:
    """Who came after the one that was asked was never asked."""
    rig = Rig()
    lease = rig.drive("ann")
    claim = replace(rig.claim("bob", take=True), over=over)
    with refused("holder_changed") as caught:
        rig.authority.acquire(claim, "BB", rig.now)
    assert caught.value.detail == {"owner": "Ann", "epoch": 7, "seq": 1}
    assert caught.value.sentence == "Ann holds the lease now. Ask for it again."
    assert rig.authority.lease == lease
    assert rig.moves()


def test_i7_naming_the_lease_is_no_permit_to_take_it() -> None:
    rig = Rig()
    rig.drive("ann")
    with refused("held"):
        rig.authority.acquire(replace(rig.claim("bob"), over=(7, 1)), "BB", rig.now)


def test_a_permit_to_take_a_lease_that_has_ended_meanwhile_still_permits_to_drive() -> None:
    rig = Rig()
    rig.drive("ann")
    claim = rig.claim("bob", take=True)
    rig.authority.release("AA", 7, 1, "released", rig.now)
    assert rig.authority.acquire(claim, "BB", rig.now).person == "bob"


def test_the_same_connection_may_acquire_again() -> None:
    rig = Rig()
    first = rig.acquire()
    second = rig.acquire()
    assert second.seq == first.seq + 1
    assert rig.authority.reason == "GRANTED"
    with refused("lease_old"):
        rig.beat(lease=first)


def test_a_lapsed_lease_is_over_when_the_next_person_asks() -> None:
    rig = Rig()
    rig.acquire()
    rig.now = 1.5
    assert rig.acquire("bob").person == "bob"
    assert [entry.reason for entry in rig.authority.log] == ["BOOT", "GRANTED", "DEADMAN", "GRANTED"]


@pytest.mark.parametrize(("told", "reason"), [
    ("released", "RELEASED"), ("hidden", "HIDDEN"), ("page_left", "PAGE_LEFT"), ("link_lost", "LEASE_LOST"),
    ("handed_over", "RELEASED"), ("nonsense", "RELEASED"),
])  # fmt: skip
def test_i9_release_stops_and_holds(told: str, reason: str) -> None:
    rig = Rig()
    lease = rig.drive()
    rig.authority.release("AA", lease.epoch, lease.seq, told, rig.now)
    assert last(rig) == ("released", "ann", reason, "TELEOP", "SAFE_HOLD")
    assert rig.authority.lease is None
    assert not rig.moves()
    assert rig.wanted().bits == 0


@pytest.mark.parametrize(("peer", "epoch", "seq", "code"), [
    ("BB", 7, 1, "not_holder"), ("AA", 6, 1, "lease_old"), ("AA", 8, 1, "lease_old"), ("AA", 7, 0, "lease_old"),
    ("AA", 7, 2, "lease_old"),
])  # fmt: skip
def test_i1_only_the_holder_acts_and_only_by_the_current_lease(peer: str, epoch: int, seq: int, code: str) -> None:
    rig = Rig()
    rig.drive()
    forged = Lease(epoch, seq, "human", "ann", "Ann", peer, 0.0)
    who = next(name for name, fingerprint in PEERS.items() if fingerprint == peer)
    for act in (
        lambda: rig.authority.release(peer, epoch, seq, "released", rig.now),
        lambda: rig.beat(who, forged),
        lambda: rig.command(FORTH, who, forged),
        lambda: rig.goal(who=who, lease=forged),
    ):
        with refused(code):
            act()
    assert rig.authority.lease is not None
    assert rig.moves()


def test_without_a_lease_nothing_is_obeyed() -> None:
    rig = Rig()
    nobody = Lease(7, 0, "human", "ann", "Ann", "AA", 0.0)
    for act in (
        lambda: rig.authority.release("AA", 7, 0, "released", 0.0),
        lambda: rig.beat(lease=nobody),
        lambda: rig.command(lease=nobody),
        lambda: rig.goal(lease=nobody),
    ):
        with refused("no_lease"):
            act()
    with refused("lease_old"):
        rig.renew(0, lease=nobody)
    assert rig.authority.log[1:] == []


def test_an_old_lease_is_told_which_one_counts() -> None:
    rig = Rig()
    rig.acquire()
    with pytest.raises(Exception, match="lease_old") as caught:
        rig.authority.release("AA", 6, 5, "released", 0.0)
    assert caught.value.detail == {"epoch": 7, "seq": 1}  # type: ignore[attr-defined]


def test_i14_each_heartbeat_counts_once() -> None:
    rig = Rig()
    rig.acquire()
    rig.beat(n=0)
    rig.beat(n=5)
    for n in (5, 4, 0):
        with refused("replay"):
            rig.beat(n=n)
    rig.now = 0.2
    with refused("replay"):
        rig.beat(n=5)
    rig.tick(0.051)
    assert rig.authority.reason == "DEADMAN", "a replayed heartbeat must not keep the lease"


def test_renewals_keep_the_lease_and_count_once() -> None:
    rig = Rig()
    rig.acquire()
    for second in range(1, 12):
        keep_alive(rig, 1.0)
        rig.renew(second)
    with refused("replay"):
        rig.renew(11)
    with refused("replay"):
        rig.renew(3)
    keep_alive(rig, 4.99)
    assert rig.authority.mode == "TELEOP"
    keep_alive(rig, 0.02)
    assert rig.authority.reason == "SERVER_LOST"


def keep_alive(rig: Rig, seconds: float) -> None:
    end = rig.now + seconds
    while rig.now < end and rig.authority.lease:
        rig.now = min(rig.now + 0.125, end)
        rig.tick()
        if rig.authority.lease:
            rig.beat(seen=rig.now)


def test_the_first_renewal_may_be_number_zero_and_must_name_the_lease() -> None:
    rig = Rig()
    lease = rig.acquire()
    rig.renew(0)
    for epoch, seq in ((6, 1), (7, 2), (7, 0)):
        with refused("lease_old"):
            rig.renew(1, lease=Lease(epoch, seq, "human", "ann", "Ann", "AA", 0.0))
    rig.now = 1.5
    with refused("lease_old"):
        rig.renew(1, lease=lease)
    assert rig.authority.reason == "DEADMAN"


def test_revoking_ends_the_lease_and_every_permit_written_before() -> None:
    rig = Rig()
    claim = rig.claim()
    lease = rig.drive()
    rig.renew(1, revoke=True)
    assert last(rig) == ("revoked", "kernel", "REVOKED", "TELEOP", "SAFE_HOLD")
    assert rig.authority.log[-1].detail == {"why": ""}
    with refused("permit_expired"):
        rig.authority.acquire(claim, "AA", rig.now)
    with refused("lease_old"):
        rig.renew(2, lease=lease)
    rig.acquire()


def test_a_renewal_does_not_revoke() -> None:
    rig = Rig()
    claim = rig.claim()
    rig.drive()
    rig.renew(1)
    assert rig.moves()
    rig.authority.acquire(claim, "AA", rig.now)


def test_i8_a_restart_keeps_nothing_but_the_latched_stops() -> None:
    before = Rig(epoch=7)
    lease = before.drive()
    after = Rig(epoch=8, now=0.1)
    assert after.authority.mode == "SAFE_HOLD"
    assert after.authority.reason == "BOOT"
    assert after.authority.lease is None
    with refused("no_lease"):
        after.command(FORTH, lease=lease)
    new = after.acquire()
    assert (new.epoch, new.seq) > (lease.epoch, lease.seq)
    with refused("lease_old"):
        after.command(FORTH, lease=lease)
    stopped = Rig(stops=("bob",), epoch=8, now=0.1)
    assert stopped.authority.mode == "ESTOP"
    assert stopped.authority.stops == ("bob",)
    assert stopped.authority.since_s == 0.1
    assert after.authority.log[0].after == "SAFE_HOLD"
    assert stopped.authority.log[0].after == "ESTOP"


def test_the_claim_of_a_policy_to_take_is_worth_nothing() -> None:
    rig = Rig()
    rig.acquire("ann")
    with refused("held"):
        rig.authority.acquire(Claim("policy", "pi", "Pi", "AA", rig.authority.nonces.current(0.0), True, (0, 0)), "AA", 0.0)
