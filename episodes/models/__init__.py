"""The rows of this app, one file a noun."""

from episodes.models.campaign import Campaign as Campaign
from episodes.models.campaign import CampaignPrompt as CampaignPrompt
from episodes.models.campaign import CampaignQuerySet as CampaignQuerySet
from episodes.models.campaign import CampaignSeat as CampaignSeat
from episodes.models.dataset import Dataset as Dataset
from episodes.models.dataset import DatasetVersion as DatasetVersion
from episodes.models.dataset import DraftPick as DraftPick
from episodes.models.dataset import VersionEpisode as VersionEpisode
from episodes.models.dataset_job import DatasetJob as DatasetJob
from episodes.models.episode import MAX_INSTRUCTION as MAX_INSTRUCTION
from episodes.models.episode import STALE as STALE
from episodes.models.episode import Episode as Episode
from episodes.models.episode import EpisodeQuerySet as EpisodeQuerySet
from episodes.models.library import BulkChange as BulkChange
from episodes.models.library import EpisodePerson as EpisodePerson
from episodes.models.library import EpisodeTag as EpisodeTag
from episodes.models.library import SavedFilter as SavedFilter
from episodes.models.review import FAILURES as FAILURES
from episodes.models.review import InstructionVersion as InstructionVersion
from episodes.models.review import Mark as Mark
from episodes.models.review import Review as Review
from episodes.models.review import Taxonomy as Taxonomy
from episodes.models.signature import EpisodeSignature as EpisodeSignature
from episodes.models.upload import Upload as Upload
from episodes.models.upload import UploadFile as UploadFile
