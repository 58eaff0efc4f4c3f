"""The rows of this app, one file a noun."""

from dispatch.models.help import HelpRequest as HelpRequest
from dispatch.models.task import Run as Run
from dispatch.models.task import Task as Task
