"""Reads settings from the environment and refuses what would be unsafe.  Knows no Django."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Literal, cast

Mode = Literal["demo", "test", "production"]


class Unsafe(Exception):
    """The environment asks for a set-up that must not run; the message says what to set."""


def mode() -> Mode:
    value = os.environ.get("REINS_MODE", "demo")
    if value not in ("demo", "test", "production"):
        raise Unsafe(f"REINS_MODE is {value!r}; use demo, test or production.")
    return cast(Mode, value)


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").lower()
    if value in ("", "0", "1", "true", "false"):
        return default if value == "" else value in ("1", "true")
    raise Unsafe(f"{name} is {value!r}; use 1 or 0.")


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def number(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise Unsafe(f"{name} is {value!r}; use a whole number.") from None


def count(name: str, default: int) -> int:
    """At least one."""
    value = number(name, default)
    if value < 1:
        raise Unsafe(f"{name} is {value}; use 1 or more.")
    return value


def required(name: str, why: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Unsafe(f"{name} must be set in production: {why}")
    return value


def secret_key(data_dir: Path) -> str:
    """From REINS_SECRET_KEY; outside production one is made at the first start and kept in the data folder."""
    value = os.environ.get("REINS_SECRET_KEY", "")
    if mode() == "production":
        if len(value) < 50 or len(set(value)) < 5:
            raise Unsafe("REINS_SECRET_KEY must be set in production to at least 50 random characters.")
        return value
    return value or _kept(data_dir / "secret_key")


def _kept(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(fd, "w") as file:
        file.write(secrets.token_urlsafe(64))
    return path.read_text().strip()


def object_store(bucket: str) -> dict[str, Any]:
    """Django's STORAGES: its own for everything, and S3 for episodes where a bucket is named."""
    stores: dict[str, Any] = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    if bucket:
        stores["episodes"] = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _s3(bucket)}
    return stores


def _s3(bucket: str) -> dict[str, Any]:
    from botocore.config import Config

    style = os.environ.get("REINS_S3_ADDRESSING", "auto")  # path: for most stores of one's own
    if style not in ("auto", "path", "virtual"):
        raise Unsafe(f"REINS_S3_ADDRESSING is {style!r}; use auto, path or virtual.")
    return {
        "bucket_name": bucket,
        "endpoint_url": os.environ.get("REINS_S3_ENDPOINT") or None,
        "region_name": os.environ.get("REINS_S3_REGION") or None,
        "location": os.environ.get("REINS_S3_PREFIX", ""),
        "file_overwrite": True,  # a push that was broken off is done again under the same name
        "default_acl": None,
        "client_config": Config(connect_timeout=3, read_timeout=20, retries={"max_attempts": 3}, s3={"addressing_style": style}),
    }
