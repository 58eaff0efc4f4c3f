"""What an episode's content is recognised by when another like it arrives."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from episodes.data.checks.signature import Signature
from episodes.models.episode import Episode


class EpisodeSignature(models.Model):
    """Made by the check.  `exact` is the same for the same content; `near` is compared by `episodes.data.checks.signature`."""

    episode = models.OneToOneField(Episode, on_delete=models.CASCADE, primary_key=True, related_name="signature")
    exact = models.CharField(max_length=64, db_index=True)  # sha256 of the decoded state and action
    embodiment = models.CharField(max_length=64)  # hash: only episodes of one embodiment are alike
    rows = models.PositiveIntegerField()
    near = models.BinaryField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["embodiment", "rows"])]

    def __str__(self) -> str:
        return f"{self.episode_id[:8]}: {self.exact[:8]}"

    def content(self) -> Signature:
        """As the checks compare it."""
        return Signature(exact=self.exact, embodiment=self.embodiment, rows=self.rows, near=bytes(self.near))
