"""Archives and cards that somebody wrote by hand: none stops a page, fills the disk or the memory, or ends another's work."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.models import AuditEntry, Membership, Person
from policies.learning.folder import CARD, CONFIG, WEIGHTS
from policies.models import PolicyImport, PolicyVersion
from policies.services import imports, registry
from protocol.errors import Refused
from tests.episodes.rig import World, signed_in


@pytest.fixture
def ellen(here: World) -> Person:
    person = Person.objects.create_user("ellen", password="secret", first_name="Ellen")
    Membership.objects.create(person=person, organisation=here.site.organisation, role="engineer")
    return person


def packed(folder: Path) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name in (CARD, CONFIG, WEIGHTS):
            tar.add(folder / name, name)
    return raw.getvalue()


def arrived(here: World, person: Person, raw: bytes) -> PolicyImport:
    coming = imports.begin(here.site.organisation, person, "", len(raw))
    coming.offset = imports.keep_piece(coming, 0, hashlib.sha256(raw).hexdigest(), raw)
    return coming


@pytest.mark.parametrize("dataset", ["tabletop", ["tabletop"], {"name": "tabletop"}, {"name": 1, "version": {}, "digest": 7}])
def test_a_card_that_tells_its_data_otherwise_stops_no_page(here: World, ellen: Person, starter: Path, dataset: Any) -> None:
    card = json.loads((starter / CARD).read_text())
    card["lineage"], card["data"] = {"dataset": dataset, "source": "by hand"}, {"episodes": ["?"]}
    (starter / CARD).write_text(json.dumps(card))
    policy = registry.bring(starter, here.site.organisation, None)
    client = signed_in(ellen)
    assert [row["id"] for row in client.get("/api/policies").json()] == [policy.pk]
    titles = [step["title"] for step in client.get(f"/api/policies/{policy.pk}").json()["lineage"]]
    assert titles[0].startswith("Dataset") and titles[-1] == "starter 1"


def test_a_configuration_that_the_disk_damaged_stops_no_page(here: World, ellen: Person, starter: Path) -> None:
    policy = registry.bring(starter, here.site.organisation, None)
    (policy.folder / CONFIG).write_bytes(b"\0\0")
    (row,) = signed_in(ellen).get("/api/policies").json()
    assert (row["id"], row["robots"]) == (policy.pk, [])


def test_an_import_that_is_completed_twice_at_once_is_brought_in_once(
    here: World, ellen: Person, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = arrived(here, ellen, packed(starter))
    real: Callable[..., PolicyVersion] = registry.bring
    codes: list[str] = []

    def meanwhile(*about: Any) -> PolicyVersion:
        with pytest.raises(Refused) as caught:
            imports.complete(PolicyImport.objects.get(pk=coming.pk), ellen)
        codes.append(caught.value.code)
        return real(*about)

    monkeypatch.setattr(registry, "bring", meanwhile)
    made = imports.complete(coming, ellen)
    assert codes == ["import_busy"] and (made.folder / WEIGHTS).exists()
    assert not PolicyImport.objects.exists()
    with pytest.raises(Refused) as late:  # somebody who read the row before it went
        imports.complete(coming, ellen)
    assert late.value.code == "not_found"


def test_what_a_kill_left_of_an_unpacking_is_begun_anew(here: World, ellen: Person, starter: Path) -> None:
    coming = arrived(here, ellen, packed(starter))
    left = coming.path.with_suffix("")
    left.mkdir()
    (left / WEIGHTS).write_bytes(b"half")
    assert imports.complete(coming, ellen).shown == "starter 1"


def test_imports_that_are_on_their_way_count_as_room_taken(here: World, ellen: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10 * imports.MIB))
    imports.begin(here.site.organisation, ellen, "", 2 * imports.MIB)
    with pytest.raises(Refused) as caught:
        imports.begin(here.site.organisation, ellen, "", 2 * imports.MIB)
    assert caught.value.code == "storage_full" and PolicyImport.objects.count() == 1


def test_an_import_is_its_own_persons_alone(here: World, ellen: Person, starter: Path) -> None:
    """Also where a colleague may bring policies in."""
    raw = packed(starter)
    coming = arrived(here, ellen, raw)
    colleague = Person.objects.create_user("erik", password="secret")
    Membership.objects.create(person=colleague, organisation=here.site.organisation, role="engineer")
    theirs = f"/api/policy-imports/{coming.pk}"
    for who, code in ((colleague, 404), (ellen, 200)):
        client = signed_in(who)
        assert client.post(f"{theirs}/complete", {}, "application/json").status_code == code
        piece = client.put(f"{theirs}/pieces?offset=0", b"x", "application/octet-stream")
        assert piece.status_code == 404, "not theirs, or over"


@pytest.mark.parametrize("some", [True, False])
def test_an_import_is_given_up_by_whoever_began_it(here: World, ellen: Person, starter: Path, some: bool) -> None:
    """Whether something of it has arrived or nothing."""
    coming = arrived(here, ellen, packed(starter)) if some else imports.begin(here.site.organisation, ellen, "arm", 10)
    client, colleague = signed_in(ellen), Person.objects.create_user("erik", password="secret")
    Membership.objects.create(person=colleague, organisation=here.site.organisation, role="engineer")
    theirs = signed_in(colleague)
    assert [one["id"] for one in client.get("/api/policy-imports").json()] == [coming.pk]
    assert theirs.get("/api/policy-imports").json() == []
    cancel = f"/api/policy-imports/{coming.pk}/cancel"
    assert theirs.post(cancel, {}, "application/json").status_code == 404

    answer = client.post(cancel, {}, "application/json")

    assert (answer.status_code, answer.json()["bytes"]) == (200, coming.size)
    assert not coming.path.exists() and not PolicyImport.objects.exists()
    assert AuditEntry.objects.get(act="policy_import_cancelled").subject == coming.pk
    assert client.post(cancel, {}, "application/json").status_code == 404
    assert imports._awaited() == 0


def test_an_import_that_is_being_looked_through_is_not_given_up(here: World, ellen: Person, starter: Path) -> None:
    coming = arrived(here, ellen, packed(starter))
    with imports._alone(coming), pytest.raises(Refused) as caught:
        imports.give_up(coming, ellen)
    assert caught.value.code == "import_busy" and PolicyImport.objects.exists() and coming.path.exists()


def test_a_piece_that_was_on_its_way_when_its_import_was_given_up_leaves_nothing(
    here: World, ellen: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = imports.begin(here.site.organisation, ellen, "", 10)
    write = imports._write
    monkeypatch.setattr(imports, "_write", lambda *piece: (imports.drop(coming), write(*piece)))
    with pytest.raises(Refused) as caught:
        imports.keep_piece(coming, 0, hashlib.sha256(b"abc").hexdigest(), b"abc")
    assert caught.value.code == "not_found" and not coming.path.exists()


def test_a_large_size_is_read_as_our_export_writes_it() -> None:
    for size in (0, 5, 8 << 30, registry.MOST_BYTES):
        assert imports._claimed(one(WEIGHTS, size)) == size


def one(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


LONG = 1 << 20
COMMENT = f"{LONG} comment=".encode().ljust(LONG - 1, b"x") + b"\n"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(one(".") + b"\0" * 1024, id="a file without a name"),
        pytest.param(one("pax", LONG, tarfile.XHDTYPE) + COMMENT + one(CARD) + b"\0" * 1024, id="a header of a megabyte"),
        pytest.param(one("a/checkpoint/x") + b"\0" * 1024, id="no card"),
        pytest.param(one(CARD) + one("checkpoint/../../x") + b"\0" * 1024, id="a checkpoint that leads out"),
        pytest.param(one(CARD) + one("checkpoint/x", kind=tarfile.SYMTYPE) + b"\0" * 1024, id="a link in a checkpoint"),
        pytest.param(one(CARD) + one("checkpoint") + b"\0" * 1024, id="a checkpoint that is a file"),
        pytest.param(one(CARD) + one("elsewhere/x.json") + b"\0" * 1024, id="another folder"),
        pytest.param(one(CARD) + one("checkpoint/a\nb") + b"\0" * 1024, id="a name of two lines"),
        pytest.param(one(CARD) + one("checkpoint/" + "a/" * 30 + "b") + b"\0" * 1024, id="deeper than any"),
        pytest.param(one("b/" + CARD) + one("a/" + CONFIG) + b"\0" * 1024, id="two folders"),
        pytest.param(one(CARD, 1 << 33) + b"\0" * 1024, id="a size that it has not"),
    ],
)
def test_an_archive_of_what_no_policy_has_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "in.tar").write_bytes(raw)
    with pytest.raises(Refused) as caught:
        imports.unpack(tmp_path / "in.tar", tmp_path / "out")
    assert caught.value.code == "policy_archive"
    assert not any((tmp_path / "out").iterdir())


def test_a_checkpoints_file_that_is_a_folder_as_well_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.tar").write_bytes(one(CARD) + one("checkpoint/x") + one("checkpoint/x/y") + b"\0" * 1024)
    with pytest.raises(Refused, match="policy_archive"):
        imports.unpack(tmp_path / "in.tar", tmp_path / "out")


def test_a_policy_of_ours_in_a_folder_that_is_called_checkpoint_is_taken(tmp_path: Path) -> None:
    (tmp_path / "in.tar").write_bytes(b"".join(one(f"checkpoint/{name}") for name in (CARD, CONFIG, WEIGHTS)) + b"\0" * 1024)
    imports.unpack(tmp_path / "in.tar", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {CARD, CONFIG, WEIGHTS}
