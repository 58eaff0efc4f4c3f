"""Celery wrappers of long work on policies.  The row is the truth; a message only says which row to look at."""

from __future__ import annotations

import os
import socket
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

from policies import teaching, watching
from policies.models import PolicyServer
from policies.services import imports, serving, trainings


@shared_task(name="policies.serve")
def serve(server_id: str) -> None:
    """Serves a policy until nobody needs it here any more, unless somebody does already."""
    server = PolicyServer.objects.select_related("policy").filter(pk=server_id).first()
    if server is None or watching.leaving.is_set():
        return
    fence = server.claim(f"{socket.gethostname()}:{os.getpid()}")
    if fence is None:
        return
    if watching.Watch(server, fence).run().state == "queued":
        serving.wake(server.pk)


@shared_task(name="policies.reconcile_servers")
def reconcile_servers() -> None:
    """Begins the servers that robots ask for and nobody does."""
    serving.reconcile()


@shared_task(name="policies.train")
def train() -> None:
    """Does the first training that waits, whichever was asked for: so they are done in the order that people see."""
    found = None if watching.leaving.is_set() else teaching.next_one(f"{socket.gethostname()}:{os.getpid()}")
    if found is not None:
        teaching.Teaching(*found).run()


@shared_task(name="policies.reconcile_trainings")
def reconcile_trainings() -> None:
    """Begins the trainings that nobody does, and lets go what must not be kept."""
    trainings.reconcile()
    imports.sweep()


@worker_shutting_down.connect
def leave(**_: Any) -> None:
    """Servers of a worker that is told to end are free for another at once."""
    watching.leaving.set()
