"""A `Policy` that asks a server of the openpi protocol: one connection, one question at a time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from policies.learning.zoo.openpi import codec
from policies.learning.zoo.openpi.config import OpenpiConfig, check_allowed, decision, question, read
from protocol.errors import Refused
from protocol.policy import Decision, Observation

MOST_BYTES = 16 << 20  # of an answer


class OpenpiPolicy:
    """Connects with the first question, and again after a connection was lost."""

    def __init__(self, config: OpenpiConfig) -> None:
        self.config = config
        self._socket: ClientConnection | None = None
        self._open = ExitStack()

    def act(self, batch: list[Observation]) -> list[Decision]:
        """Refused: `policy_embodiment`, `policy_input`, `policy_output`, `policy_unreachable`, `policy_failed`."""
        return [decision(self.config, one, self._ask(codec.encode(question(self.config, one)))) for one in batch]

    def longest_s(self, batch: int) -> float:
        """Each is waited for in turn; before one of them a lost connection is noticed, made, and greeted."""
        return (batch + 3) * self.config.patience_s

    def close(self) -> None:
        self._socket = None
        self._open.close()

    def _ask(self, message: bytes) -> dict[str, object]:
        try:
            said = self._again(message) if self._socket is not None else self._told(message)
        except (OSError, WebSocketException) as error:  # a time-out is one of the first kind
            self._drop()
            why = "did not answer in time" if isinstance(error, TimeoutError) else f"cannot be reached ({error})"
            raise Refused("policy_unreachable", f"The policy's server {self.config.address} {why}.") from error
        if isinstance(said, str):
            self._drop()
            raise Refused("policy_failed", f"The policy's server failed: {said.strip().splitlines()[-1][:200]}.")
        return codec.decode(said)

    def _again(self, message: bytes) -> str | bytes:
        """On the connection that is there; when the server closed it in the meantime, on a new one."""
        try:
            return self._told(message)
        except ConnectionClosed:
            self._drop()
            return self._told(message)

    def _told(self, message: bytes) -> str | bytes:
        socket = self._socket = self._socket or self._connected()
        socket.send(message)
        return socket.recv(timeout=self.config.patience_s)

    def _connected(self) -> ClientConnection:
        patience_s = self.config.patience_s
        socket = self._open.enter_context(
            connect(
                self.config.address, compression=None, max_size=MOST_BYTES, open_timeout=patience_s, close_timeout=1, proxy=None
            )
        )
        socket.recv(timeout=patience_s)  # what the server says of itself comes first; nothing here depends on it
        return socket

    def _drop(self) -> None:
        """What comes late on this connection would be taken for the answer to the next question."""
        if self._socket is not None:
            self._socket.close_socket()
        self.close()


def open_remote(folder: Path) -> OpenpiPolicy:
    """From a policy's folder.  Refused: `policy_missing`, `policy_damaged`, `policy_config`, `address_forbidden`."""
    try:
        config = read((folder / "config.json").read_bytes())
    except OSError as error:
        raise Refused("policy_missing", f"{error.filename} cannot be read: {error.strerror}.") from error
    check_allowed(config.address)
    return OpenpiPolicy(config)
