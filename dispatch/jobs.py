"""Celery wrappers: runs whose robot never answered, pictures that nobody needs any more."""

from __future__ import annotations

from celery import shared_task

from dispatch.services import help as helping
from dispatch.services import runs


@shared_task(name="dispatch.take_back")
def take_back() -> None:
    """Also of robots that say nothing at all; those that speak are looked at with each word."""
    runs.take_back_unanswered()


@shared_task(name="dispatch.forget_clips")
def forget_clips() -> None:
    helping.forget_clips()
