"""Small limits that sockets share: how many messages a second, how many unanswered ones.  Pure; time is passed in."""

from __future__ import annotations

from collections import OrderedDict


class Rate:
    """At most `per_s` messages a second on average, with bursts of the same size."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._left = per_s
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        if self._at_s is not None:
            self._left = min(self._per_s, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        self._left -= 1
        return self._left >= 0


class Window:
    """Numbered messages that were sent and not acknowledged: a reader that stops reading gets no more, then is dropped."""

    def __init__(self, size: int = 4, patience_s: float = 10.0) -> None:
        self._size, self._patience_s = size, patience_s
        self._sent: OrderedDict[int, float] = OrderedDict()
        self.number = 0

    def open(self) -> bool:
        return len(self._sent) < self._size

    def send(self, now_s: float) -> int:
        """The number of the next message."""
        self.number += 1
        self._sent[self.number] = now_s
        return self.number

    def acknowledge(self, number: int) -> None:
        for sent in [n for n in self._sent if n <= number]:
            del self._sent[sent]

    def stuck(self, now_s: float) -> bool:
        return any(now_s - sent_s > self._patience_s for sent_s in self._sent.values())


class Ids:
    """The last ids a sender used; using one again is refused."""

    def __init__(self, most: int = 1000) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._most = most

    def fresh(self, id: str) -> bool:
        if id in self._seen:
            return False
        self._seen[id] = None
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True
