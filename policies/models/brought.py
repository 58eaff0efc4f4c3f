"""A policy on its way here, in pieces, as one archive."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from fleet.models import Organisation, Person, new_id


class PolicyImport(models.Model):
    """`offset` bytes of `size` have arrived.  The row goes with the archive once the policy is in."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80, blank=True)
    size = models.PositiveBigIntegerField()
    offset = models.PositiveBigIntegerField(default=0)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["made_at"]

    def __str__(self) -> str:
        return f"{self.name or 'policy'}: {self.offset} of {self.size} bytes"

    @property
    def path(self) -> Path:
        return Path(settings.REINS_POLICIES_DIR) / "incoming" / f"{self.pk}.tar"
