"""The audit chain: no gaps, no silent change; on both databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from fleet import audit, jobs
from fleet.models import AuditEntry

ROOT = Path(__file__).resolve().parents[2]


def sql(statement: str, *values: object) -> None:
    """What somebody with the database's password could do."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def verify() -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify_audit", stdout=out)
    except SystemExit as error:
        return int(str(error.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def chain(db: None, settings: Any, tmp_path: Path) -> None:
    settings.REINS_DATA_DIR = tmp_path
    for n in range(5):
        audit.append("mina", "drove", f"kestrel-{n}", metres=n * 0.1, whole=3.0, large=1e22, at_ns=1_790_000_000_123_456_789)


def test_an_untouched_chain_is_whole(chain: None) -> None:
    assert verify() == (0, "5 entries, the chain is whole.\n")


@pytest.mark.parametrize(
    ("column", "value"),
    [("actor", "jonas"), ("act", "watched"), ("subject", "heron"), ("at", "2020-01-01 00:00:00"), ("detail", '{"metres": 9}')],
)
def test_a_changed_row_is_named(chain: None, column: str, value: str) -> None:
    sql(f"UPDATE fleet_auditentry SET {column} = %s WHERE number = 3", value)  # noqa: S608
    code, said = verify()
    assert code == 1 and "Entry 3 " in said and said.count("\n") == 1


def test_a_number_in_the_detail_changed_by_one_is_named(chain: None) -> None:
    detail = AuditEntry.objects.get(number=2).detail | {"at_ns": 1_790_000_000_123_456_788}
    sql("UPDATE fleet_auditentry SET detail = %s WHERE number = 2", json.dumps(detail))
    assert "Entry 2 " in verify()[1]


def test_a_missing_row_is_named(chain: None) -> None:
    sql("DELETE FROM fleet_auditentry WHERE number IN (2, 3)")
    code, said = verify()
    assert code == 1 and "Entries 2 to 3 are missing." in said


def test_a_cut_tail_shows_against_the_head_kept_outside_the_database(chain: None) -> None:
    jobs.write_audit_head()
    assert verify()[0] == 0
    sql("DELETE FROM fleet_auditentry WHERE number = 5")
    code, said = verify()
    assert code == 1 and "Entry 5 is not what it was" in said


def test_a_chain_that_was_written_anew_shows_against_the_head(chain: None) -> None:
    jobs.write_audit_head()
    sql("DELETE FROM fleet_auditentry")
    for _ in range(5):
        audit.append("mina", "did nothing")
    assert "Entry 5 is not what it was" in verify()[1]


def test_entries_cannot_be_changed_or_deleted_by_the_program(chain: None) -> None:
    entry = AuditEntry.objects.get(number=1)
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()
    with pytest.raises(TypeError):
        AuditEntry.objects.update(actor="x")
    with pytest.raises(TypeError):
        AuditEntry.objects.all().delete()


def test_text_that_a_database_cannot_keep_is_made_storable(db: None) -> None:
    entry = audit.append("m\0ina", "drove", detail_text="a\0b", ratio=float("nan"))
    kept = AuditEntry.objects.get(pk=entry.pk)
    assert (kept.actor, kept.detail) == ("mina", {"detail_text": "ab", "ratio": "nan"})
    assert list(audit.problems()) == []


@pytest.fixture(params=["sqlite", "postgres"])
def race(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Runs tests.fleet.race on a fresh database of each kind."""
    sqlite = f"sqlite:///{tmp_path / 'race.sqlite3'}"
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else sqlite

    def run(what: str) -> Any:
        environment = {**os.environ, "DATABASE_URL": url, "REINS_DATA_DIR": str(tmp_path)}
        return json.loads(_run(["-m", "tests.fleet.race", what], environment))

    return run


def _run(words: list[str], environment: dict[str, str]) -> str:
    environment = {**environment, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_entries_written_at_once_have_no_gap_and_one_chain(race: Any) -> None:
    found = race("append")
    assert found["numbers"] == list(range(1, 41))
    assert found["problems"] == []


def test_an_upload_that_is_completed_eight_times_at_once_is_one_episode(race: Any) -> None:
    assert race("complete") == {"outcomes": ["kept"] * 8, "episodes": 1}


def test_row_43_one_code_used_eight_times_at_once_lets_one_robot_in(race: Any) -> None:
    found = race("enrol")
    assert found == {"outcomes": ["code_used"] * 7 + ["enrolled"], "robots": 1}
