"""What the library searches by: small rows beside each episode, filters that people keep, changes that can be undone."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from episodes.models.episode import Episode
from fleet.models import Person, new_id


class EpisodePerson(models.Model):
    """Somebody who drove in an episode, and for how many rows."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="drivers")
    uid = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    frames = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["episode", "uid"], name="episode_person_once")]
        indexes: ClassVar = [models.Index(fields=["uid", "episode"]), models.Index(fields=["name", "episode"])]

    def __str__(self) -> str:
        return f"{self.name} in {self.episode_id[:8]}"


class EpisodeTag(models.Model):
    """A tag of an episode: `Episode.tags`, one row each."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="tagged")
    tag = models.CharField(max_length=40)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["episode", "tag"], name="episode_tag_once")]
        indexes: ClassVar = [models.Index(fields=["tag", "episode"])]

    def __str__(self) -> str:
        return f"{self.tag} on {self.episode_id[:8]}"


class SavedFilter(models.Model):
    """A filter of the library that a person keeps under a name; its query is the page's address."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="episode_filters")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["person", "name"], name="saved_filter_name_once")]

    def __str__(self) -> str:
        return self.name


class BulkChange(models.Model):
    """Many episodes changed at once: what each was before and the version it then got, so that it can be undone once."""

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    before: models.JSONField[Any, Any] = models.JSONField()  # id -> {version, values, reviewed, review}
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"{len(self.before)} episodes at {self.at:%Y-%m-%d %H:%M}"
