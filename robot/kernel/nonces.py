"""The random words that a permit must carry to be fresh: on this robot's clock alone, so that no wall clock matters."""

from __future__ import annotations

from collections.abc import Callable

from robot.kernel.lease import NONCE_EVERY_S, NONCE_S


class Nonces:
    """Mints one each `NONCE_EVERY_S`; each is live for `NONCE_S`, and at most until the second after it."""

    def __init__(self, mint: Callable[[], str]) -> None:
        self._mint = mint
        self._minted: list[tuple[str, float]] = []

    def current(self, now_s: float) -> str:
        """The one to put into the next permit."""
        if not self._minted or now_s - self._minted[-1][1] >= NONCE_EVERY_S:
            self._minted = [*self._minted[-1:], (self._mint(), now_s)]
        return self._minted[-1][0]

    def is_live(self, nonce: str, now_s: float) -> bool:
        return any(nonce == known and now_s - born_s <= NONCE_S for known, born_s in self._minted)

    def burn(self) -> None:
        """No permit written until now counts any more."""
        self._minted.clear()
