"""The JSON API: one strict edge (fleet.edge), one router per package."""

from __future__ import annotations

from fleet.edge import make_api

api = make_api()
api.add_router("", "fleet.api.router")
api.add_router("", "fleet.masks_api.router")
api.add_router("", "episodes.api.episodes.router")
api.add_router("", "episodes.api.review.router")
api.add_router("", "episodes.api.catalogue.router")
api.add_router("", "episodes.api.datasets.router")
api.add_router("", "episodes.api.dataset_jobs.router")
api.add_router("", "episodes.api.lifecycle.router")
api.add_router("", "episodes.api.uploads.router")
api.add_router("", "episodes.api.campaigns.router")
api.add_router("", "policies.api.trainings.router")
api.add_router("", "policies.api.policies.router")
api.add_router("", "dispatch.api.tasks.router")
api.add_router("", "dispatch.api.runs.router")
api.add_router("", "dispatch.api.help.router")
api.add_router("", "policies.api.serving.router")
