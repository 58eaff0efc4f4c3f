"""The rows of this app, one file a noun."""

from policies.models.brought import PolicyImport as PolicyImport
from policies.models.server import PolicyServer as PolicyServer
from policies.models.training import Training as Training
from policies.models.version import STAGES as STAGES
from policies.models.version import PolicyVersion as PolicyVersion
