"""The random words that a permit must carry to be fresh: on this robot's clock alone, so that no wall clock matters."""

from __future__ import annotations

from collections.abc import Callable

from robot.kernel.lease import NONCE_EVERY_S, NONCE_S


class Nonces:
    """Mints one each `NONCE_EVERY_S`; each is live for `NONCE_S` after its minting."""

    def __init__(self, mint: Callable[[], str]) -> None:
        self._mint = mint
        self._minted: list[tuple[str, float]] = []

    def current(self, now_s: float) -> str:
        """The one to put into the next permit."""
        self._forget(now_s)
        if not self._minted or now_s - self._minted[-1][1] >= NONCE_EVERY_S:
            self._minted.append((self._mint(), now_s))
        return self._minted[-1][0]

    def is_live(self, nonce: str, now_s: float) -> bool:
        self._forget(now_s)
        return any(nonce == known for known, _ in self._minted)

    def burn(self) -> None:
        """No permit written until now counts any more."""
        self._minted.clear()

    def _forget(self, now_s: float) -> None:
        self._minted = [(nonce, born_s) for nonce, born_s in self._minted if now_s - born_s <= NONCE_S]
