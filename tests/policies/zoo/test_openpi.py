"""The openpi protocol: hand-written bytes, a policy behind it as one of ours, ours behind it for others, and both together."""

from __future__ import annotations

import json
import struct
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.sync.client import connect

from policies.learning.folder import read_card
from policies.learning.policy import open_policy
from policies.learning.zoo.openpi import codec
from policies.learning.zoo.openpi.client import MOST_BYTES, OpenpiPolicy, open_remote
from policies.learning.zoo.openpi.config import OpenpiBody, padded, question, read
from policies.learning.zoo.openpi.folder import main as make_main
from policies.learning.zoo.openpi.folder import make
from policies.learning.zoo.openpi.server import OpenpiServer, main
from policies.learning.zoo.registry import KINDS, kind_of, open_kind
from policies.services import registry
from policies.serving.answering import answer
from protocol.errors import Refused
from protocol.inference import Chunk, Trouble
from protocol.policy import Observation
from tests.episodes.rig import World
from tests.policies.serving.rig import Acting, Ear, Server, client, decision, heard, leave
from tests.policies.serving.rig import question as asking
from tests.policies.zoo.openpi_rig import ANSWER, BODY, NUMBER, THREE, config, foreign, observation, raw, running
from tests.robot.recorder.rig import SMALL

# -- bytes written by hand ---------------------------------------------------------------------------------


def test_arrays_are_the_bytes_that_the_protocol_says() -> None:
    actions = np.array([[0.25, -1.5]], np.float32)
    assert codec.encode({"actions": actions}) == ANSWER
    assert np.array_equal(codec.decode(ANSWER)["actions"], actions)
    assert codec.decode(NUMBER) == {"x": 7}
    assert codec.encode({"x": np.int64(7)}) == NUMBER


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"\x90",
        ANSWER.replace(b"<f4", b"|O\x00"),
        ANSWER.replace(b"<f4", b"<f8"),
        ANSWER.replace(b"\x92\x01\x02", b"\x92\x01\x09"),
        ANSWER.replace(b"\x92\x01\x02", b"\x92\x01\xff"),
        ANSWER.replace(b"\xa3<f4", b"\xa3abc"),
        ANSWER.replace(b"\xa3<f4", b"\x92\x01\x02\x03"),
        ANSWER[:-3] + b"\x02",
        ANSWER.replace(b"\xa3<f4", b"\xc0"),
        ANSWER.replace(b"\xa3<f4", b"\xa7f4,,(2)"),
        NUMBER.replace(b"\x07", b"\xa1x"),
        NUMBER.replace(b"\x07\xc4\x05dtype\xa3<i8", b"\xcd\x01\x00\xc4\x05dtype\xa3|i1"),
        NUMBER.replace(b"\xa3<i8", b"\xa2|O"),
        b"\x91" * 2000,
    ],
    ids=range(16),
)
def test_an_array_that_cannot_be_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="openpi_message"):
        codec.decode(raw)


def test_objects_do_not_travel() -> None:
    for odd in (np.array([object()]), np.array(["x"]), np.array([1j])):
        with pytest.raises(Refused, match="openpi_message"):
            codec.encode({"x": odd})


# -- a server that we wrote down, byte for byte -------------------------------------------------------------------


def test_a_foreign_policy_answers_in_our_axes() -> None:
    with foreign([THREE]) as (port, asked):
        policy = OpenpiPolicy(config(port))
        [decided] = policy.act([observation()])
        policy.close()
    assert np.allclose(decided.actions, [[-0.3, 0.25]])  # vx, gripper
    assert decided.dt_s == 0.05
    [question] = asked
    assert question["prompt"] == "pick up the fork"
    joints = question["observation/joint_position"]
    assert joints[b"dtype"] == "<f4" and np.allclose(np.frombuffer(joints[b"data"], "<f4"), [0.3, 0.1])
    assert question["observation/exterior_image_1_left"][b"shape"] == [32, 32, 3]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Traceback (most recent call last):\n  ...\nValueError: no such key", "policy_failed"),
        (ANSWER, "policy_output"),
        (b"\x80", "policy_output"),
        (b"\xc1", "openpi_message"),
    ],
    ids=["words", "too few columns", "nothing", "no msgpack"],
)
def test_what_a_foreign_server_gets_wrong_is_said_and_the_next_question_is_asked(said: bytes | str, code: str) -> None:
    with foreign([said, THREE]) as (port, _):
        policy = OpenpiPolicy(config(port))
        with pytest.raises(Refused) as refused:
            policy.act([observation()])
        assert refused.value.code == code
        assert len(policy.act([observation()])) == 1
        policy.close()


def test_a_server_that_says_too_much_or_dies_while_it_is_asked_is_unreachable() -> None:
    async def says(socket: ServerConnection) -> None:
        await socket.send(b"\x80")
        await socket.recv()
        await socket.send(bytes(MOST_BYTES + 1))

    async def dies(socket: ServerConnection) -> None:
        await socket.send(b"\x80")
        await socket.recv()
        socket.transport.abort()

    for handle in (says, dies):
        with running(lambda handle=handle: serve(handle, "127.0.0.1", 0, compression=None)) as port:  # type: ignore[misc]
            policy = OpenpiPolicy(config(port))
            with pytest.raises(Refused, match="policy_unreachable"):
                policy.act([observation()])


def test_a_server_that_was_started_anew_is_asked_anew() -> None:
    with foreign([THREE]) as (port, _):
        policy = OpenpiPolicy(config(port))
        first = policy.act([observation()])
    with foreign([THREE], port):
        again = policy.act([observation()])
        policy.close()
    assert np.array_equal(first[0].actions, again[0].actions)


def test_values_that_no_robot_may_follow_reach_none() -> None:
    nan, huge = (THREE.replace(struct.pack("<f", 0.25), struct.pack("<f", value)) for value in (float("nan"), 1e30))
    with foreign([nan, huge]) as (port, _):
        policy = OpenpiPolicy(config(port))
        for _ in range(2):
            [one] = answer([asking()], policy, None).said
            trouble = heard(one[1])
            assert isinstance(trouble, Trouble) and trouble.code == "policy_output"
        policy.close()


def test_a_server_that_is_silent_or_gone_is_unreachable() -> None:
    async def mute(socket: ServerConnection) -> None:
        await socket.send(b"\x80")
        async for _ in socket:
            pass

    with running(lambda: serve(mute, "127.0.0.1", 0)) as port:
        policy = OpenpiPolicy(config(port, patience_s=0.05))
        with pytest.raises(Refused, match="did not answer in time"):
            policy.act([observation()])
    with pytest.raises(Refused, match="policy_unreachable"):
        policy.act([observation()])


# -- ours for others, and both together -----------------------------------------------------------------------------


def test_our_policy_answers_a_foreign_robot() -> None:
    given: list[Observation] = []

    def act(one: Observation) -> Any:
        given.append(one)
        return decision(actions=np.array([[0.1, 0.9], [0.2, 0.8]], np.float32))

    server = OpenpiServer(Acting(act), BODY, 0.1)
    with running(lambda: server.listen("127.0.0.1", 0)) as port:
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").read() == b"OK\n"
        with connect(f"ws://127.0.0.1:{port}", compression=None) as socket:
            assert codec.decode(socket.recv())["robot"] == "small"  # type: ignore[arg-type]
            socket.send(codec.encode(question(config(0), observation())))
            answer = codec.decode(socket.recv())  # type: ignore[arg-type]
    assert np.allclose(answer["actions"], [[0.9, 0, 0.1], [0.8, 0, 0.2]])
    assert answer["server_timing"]["infer_ms"] >= 0
    assert np.allclose(given[0].state, observation().state)
    assert (given[0].kind, given[0].instruction, given[0].images["wrist"].shape) == (SMALL.kind, "pick up the fork", (32, 32, 3))


@pytest.mark.parametrize(
    "change",
    [
        {"observation/joint_position": np.zeros(5, np.float32)},
        {"observation/joint_position": "left"},
        {"observation/gripper_position": np.array([np.nan], np.float32)},
        {"observation/wrist_image_left": None},
        {"observation/wrist_image_left": np.zeros((4, 4), np.uint8)},
        {"prompt": 7},
    ],
)
def test_a_question_that_does_not_fit_is_answered_in_words(change: dict[str, Any]) -> None:
    server = OpenpiServer(Acting(lambda _: decision()), BODY)
    with running(lambda: server.listen("127.0.0.1", 0)) as port, connect(f"ws://127.0.0.1:{port}") as socket:
        socket.recv()
        socket.send(codec.encode({**question(config(0), observation()), **change}))
        assert str(socket.recv()).startswith("policy_input: ")


def test_a_policy_that_fails_says_so_in_words() -> None:
    def act(one: Observation) -> Any:
        raise RuntimeError("a matrix of the wrong shape")

    server = OpenpiServer(Acting(act), BODY)
    with running(lambda: server.listen("127.0.0.1", 0)) as port:
        remote = OpenpiPolicy(config(port))
        with pytest.raises(Refused, match="RuntimeError") as refused:
            remote.act([observation()])
        assert refused.value.code == "policy_failed"
        remote.close()


def test_pictures_of_either_order_and_range_are_taken() -> None:
    given: list[Observation] = []
    server = OpenpiServer(Acting(lambda one: given.append(one) or decision()), BODY)
    picture = np.full((6, 8, 3), 51, np.uint8)
    asked = question(config(0), observation())
    with running(lambda: server.listen("127.0.0.1", 0)) as port, connect(f"ws://127.0.0.1:{port}") as socket:
        socket.recv()
        for sent in (picture, picture.transpose(2, 0, 1), (picture / 255).astype(np.float32)):
            socket.send(codec.encode({**asked, "observation/wrist_image_left": sent}))
            socket.recv()
    assert [one.images["wrist"].tolist() for one in given] == [picture.tolist()] * 3


def test_our_client_and_our_server_agree_with_the_policy_itself(starter: Path) -> None:
    policy = open_policy(starter)
    body = OpenpiBody(
        embodiment=SMALL, cameras={"scene": "image"}, state={"state": ("q0", "q1", "q2")}, actions=("vx", "gripper")
    )
    server = OpenpiServer(policy, body, policy.model.config.step_s)
    one = observation()
    square = Observation(5, one.kind, one.instruction, one.state, {"scene": padded(one.images["scene"], 32)})
    with running(lambda: server.listen("127.0.0.1", 0)) as port:
        remote = OpenpiPolicy(config(port, bodies=(body,)))
        [near], [far] = policy.act([square]), remote.act([one])
        remote.close()
    assert np.allclose(near.actions, far.actions, atol=1e-5)


def test_a_whole_view_is_kept_when_it_is_made_square() -> None:
    picture = np.full((10, 20, 3), 200, np.uint8)
    square = padded(picture, 40)
    assert square.shape == (40, 40, 3)
    assert square[:10].max() == square[30:].max() == 0
    assert square[10:30].min() == 200


# -- configurations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (b"{", "policy_damaged"),
        (raw(address="http://example"), "policy_damaged"),
        (raw(auto_map="x"), "policy_damaged"),
        (raw(bodies=[]), "policy_config"),
        (raw(bodies=[{**msgspec.to_builtins(BODY), "actions": ["vx", "vx"]}]), "policy_config"),
        (raw(bodies=[{**msgspec.to_builtins(BODY), "actions": ["wing"]}]), "policy_config"),
        (raw(bodies=[{**msgspec.to_builtins(BODY), "cameras": {"nowhere": "x"}}]), "policy_config"),
        (raw(bodies=[{**msgspec.to_builtins(BODY), "state": {"x": ["q9"]}}]), "policy_config"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(given: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read(given)
    assert refused.value.code == code


def test_only_named_hosts_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_bytes(raw())
    with pytest.raises(Refused, match="address_forbidden"):
        open_kind(tmp_path)
    monkeypatch.setenv("REINS_POLICY_SERVERS", "ws://elsewhere:1, ws://127.0.0.1:1")
    assert isinstance(open_kind(tmp_path), OpenpiPolicy)
    with pytest.raises(Refused, match="policy_missing"):
        open_remote(tmp_path / "nothing")


def test_every_kind_opens_what_it_says(starter: Path, tmp_path: Path) -> None:
    assert set(KINDS) == {"reins", "openpi", "discrete"}
    assert type(open_kind(starter)).__name__ == "VlaPolicy"
    (tmp_path / "config.json").write_text(json.dumps({"kind": "os.system"}))
    with pytest.raises(Refused, match="policy_kind"):
        kind_of(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(Refused, match="policy_kind"):
        kind_of(tmp_path)


def test_the_server_says_what_it_cannot_read(tmp_path: Path, starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(starter), str(tmp_path / "mapping.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err


# -- in the registry ------------------------------------------------------------------------------------------------------


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A folder that stands for a server."""
    (tmp_path / "given.json").write_bytes(raw())
    make(tmp_path / "given.json", tmp_path / "pi", "pi05", ("lift",), ("fork",))
    return tmp_path / "pi"


def test_a_policy_behind_a_server_is_brought_in_like_any_other(here: World, remote: Path) -> None:
    row = registry.bring(remote, here.site.organisation, None)
    assert (row.shown, row.kinds, row.skills, row.things) == ("pi05 1", [SMALL.kind], ["lift"], ["fork"])
    assert row.cameras == {SMALL.kind: {"scene": [32, 24], "wrist": [32, 24]}}
    assert registry.bring(remote, here.site.organisation, None).pk == row.pk


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda folder: (folder / "config.json").write_bytes(raw(side=64)), "policy_damaged"),
        (lambda folder: (folder / "card.json").unlink(), "policy_missing"),
        (lambda folder: (folder / "config.json").unlink(), "policy_missing"),
        (lambda folder: (folder / "config.json").write_text('{"kind": "other"}'), "policy_kind"),
        (lambda folder: (folder / "config.json").write_bytes(b" " * (5 << 20)), "policy_damaged"),
    ],
    ids=["other bytes", "no card", "no configuration", "another kind", "endless"],
)
def test_what_is_no_whole_folder_stays_out(here: World, remote: Path, change: Callable[[Path], object], code: str) -> None:
    change(remote)
    with pytest.raises(Refused) as refused:
        registry.bring(remote, here.site.organisation, None)
    assert refused.value.code == code


def test_a_folder_is_not_written_over(tmp_path: Path, remote: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [str(tmp_path / "given.json"), str(remote), "--name", "x"]
    assert make_main(argv) == 1
    assert "there already" in capsys.readouterr().err
    assert make_main([argv[0], str(tmp_path / "new"), "--name", "x", "--skills", "lift, place"]) == 0
    assert read_card(tmp_path / "new", ("config.json",)).skills == ("lift", "place")


def test_a_worker_serves_a_foreign_policy_to_our_robots(remote: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client().flushall()
    with foreign([THREE]) as (port, asked):
        address = f"ws://127.0.0.1:{port}"
        (tmp_path / "here.json").write_bytes(raw(address=address))
        make(tmp_path / "here.json", tmp_path / "near", "pi05")
        monkeypatch.setenv("REINS_POLICY_SERVERS", address)
        server, ear = Server(tmp_path / "near"), Ear()
        server.says("ready")
        leave(asking())
        _, chunk = ear.next()
        ear.close()
        server.kill()
    assert isinstance(chunk, Chunk)
    assert np.allclose(np.frombuffer(chunk.actions, "<f4"), [-0.3, 0.25])
    assert (chunk.doubt, asked[0]["prompt"]) == (None, "reach for the red cube")
