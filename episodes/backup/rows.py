"""All rows of the database as lines of JSON and back: the same text from SQLite and from PostgreSQL, so that each can restore
what the other wrote.  Sessions are left out: after a restore everybody signs in again.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from protocol.errors import Refused

LEFT_OUT = ("sessions.Session",)
BATCH = 500
_encoder = msgspec.json.Encoder(enc_hook=str)


def tables() -> list[type[models.Model]]:
    """Every table there is, those between two others with them, in a fixed order."""
    found = apps.get_models(include_auto_created=True)
    return sorted(
        (model for model in found if model._meta.managed and not model._meta.proxy and model._meta.label not in LEFT_OUT),
        key=lambda model: model._meta.label,
    )


def applied(alias: str = "default") -> list[list[str]]:
    """[app, migration] of every migration: what a row looks like hangs on them."""
    return sorted([app, name] for app, name in MigrationRecorder(connections[alias]).applied_migrations())


@contextlib.contextmanager
def snapshot() -> Iterator[str]:
    """The alias of a database that stands still: everything read from it is of one moment, and nobody has to wait.

    A copy by SQLite's own backup, or one transaction of PostgreSQL that sees no later change.
    """
    live = connections["default"]
    if live.vendor == "postgresql":
        with transaction.atomic():
            with live.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield "default"
        return
    with tempfile.TemporaryDirectory(prefix="reins-backup-") as folder:
        connections.databases["snapshot"] = {**live.settings_dict, "NAME": str(Path(folder) / "rows.sqlite3")}
        try:
            live.ensure_connection()
            connections["snapshot"].connect()
            live.connection.backup(connections["snapshot"].connection)
            yield "snapshot"
        finally:
            connections["snapshot"].close()
            del connections["snapshot"]
            del connections.databases["snapshot"]


def _plain(model: type[models.Model], alias: str = "default") -> Any:
    """Every row, past what a model's own managers leave out or forbid."""
    return models.QuerySet(model, using=alias)


def fields_of(model: type[models.Model]) -> list[Any]:
    """Columns that hold something of their own."""
    return [field for field in model._meta.concrete_fields if not getattr(field, "generated", False)]


def lines(model: type[models.Model], alias: str) -> Iterator[bytes]:
    """First the names of the columns, then a list of values for each row."""
    names = [field.attname for field in fields_of(model)]
    yield _encoder.encode(names) + b"\n"
    found = _plain(model, alias).order_by("pk").values_list(*names)
    for row in found.iterator(chunk_size=BATCH):
        yield _encoder.encode([bytes(value) if isinstance(value, memoryview) else value for value in row]) + b"\n"


# -- back ------------------------------------------------------------------------------------------


def is_empty() -> bool:
    """Whether the database holds nothing that people made; one without tables holds nothing."""
    if "fleet_organisation" not in connections["default"].introspection.table_names():
        return True
    return not any(apps.get_model(label)._base_manager.exists() for label in ("fleet.Organisation", "fleet.Person"))


def clear() -> None:
    """Within a transaction: empties every table, whatever guards its rows otherwise."""
    live = connections["default"]
    names = [model._meta.db_table for model in tables()] + ["django_session"]
    with live.cursor() as cursor:
        for statement in live.ops.sql_flush(no_style(), names, allow_cascade=False):
            cursor.execute(statement)


def fill(model: type[models.Model], raw: Iterable[bytes]) -> int:
    """Within a transaction: puts the rows back as they were, past whatever a model does when it is saved.

    `Refused("backup_damaged")` when a line cannot be read.
    """
    found = iter(raw)
    try:
        names: list[str] = msgspec.json.decode(next(found))
        by_name = {field.attname: field for field in fields_of(model)}
        fields = [by_name[name] for name in names]
        if len(fields) != len(by_name):
            raise KeyError(f"{model._meta.label} has other columns")
        count, batch = 0, []
        for line in found:
            batch.append(_made(model, fields, msgspec.json.decode(line)))
            count += 1
            if len(batch) >= BATCH:
                _plain(model).bulk_create(batch)
                batch = []
        _plain(model).bulk_create(batch)
    except (msgspec.DecodeError, KeyError, ValueError, StopIteration, binascii.Error) as error:
        raise Refused("backup_damaged", f"The rows of {model._meta.label} cannot be read: {error}.") from error
    return count


def _made(model: type[models.Model], fields: list[Any], values: list[Any]) -> models.Model:
    return model(**{field.attname: _back(field, value) for field, value in zip(fields, values, strict=True)})


def _back(field: Any, value: Any) -> Any:
    if value is None or isinstance(field, models.JSONField):
        return value
    if isinstance(field, models.BinaryField):
        return base64.b64decode(value, validate=True)
    return field.target_field.to_python(value) if field.is_relation else field.to_python(value)


def count_on() -> None:
    """New rows get numbers after the restored ones."""
    live = connections["default"]
    with live.cursor() as cursor:
        for statement in live.ops.sequence_reset_sql(no_style(), tables()):
            cursor.execute(statement)
    live.check_constraints()
