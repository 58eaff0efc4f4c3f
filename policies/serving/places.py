"""Where questions and answers lie in Redis.  Losing all of it loses nothing that lasts: robots ask anew."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """Names of keys; `prefix` keeps installations on one Redis apart."""

    prefix: str

    def question(self, robot: str) -> str:
        """The newest observation of a robot."""
        return f"{self.prefix}:obs:{robot}"

    def wake(self, policy: str) -> str:
        """List of robots that wait for an answer of this policy, each once."""
        return f"{self.prefix}:wake:{policy}"

    def asks(self, policy: str) -> str:
        """Sorted set: robots by when they last asked this policy, in seconds UTC."""
        return f"{self.prefix}:asks:{policy}"

    def wanted(self) -> str:
        """Sorted set: policies by when they were last asked."""
        return f"{self.prefix}:policies-asked"

    def answers(self, robot: str) -> str:
        """Channel on which a robot's answers are published; with "*" those of all."""
        return f"{self.prefix}:chunk:{robot}"

    def recent(self, robot: str) -> str:
        """List of what the policy was last shown, oldest first."""
        return f"{self.prefix}:recent:{robot}"

    def health(self, policy: str) -> str:
        """Hash: server -> how it is doing."""
        return f"{self.prefix}:serving:{policy}"
