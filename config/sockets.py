"""Which WebSocket goes to which consumer."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.urls import path, re_path

from fleet.fleet_socket import FleetSocket
from fleet.robot_socket import RobotSocket
from policies.infer_socket import InferSocket
from teleop.socket import TeleopSocket

PAGES = [
    path("ws/fleet/", FleetSocket.as_asgi()),
    path("ws/teleop/<str:robot>/", TeleopSocket.as_asgi()),
]
ROBOTS = [path("ws/robot/", RobotSocket.as_asgi())]
INFERENCE = [path("ws/robot/infer/", InferSocket.as_asgi())]


class NoSuchSocket(AsyncWebsocketConsumer):
    """Closes with 4404 instead of an error in the log."""

    async def connect(self) -> None:
        await self.close(code=4404)


_ROLES: dict[str, list[Any]] = {"all": PAGES + ROBOTS + INFERENCE, "pages": PAGES, "robots": ROBOTS, "inference": INFERENCE}
urlpatterns = [*_ROLES[settings.REINS_ROLE], re_path(r"^.*$", NoSuchSocket.as_asgi())]
