"""The decorators that turn functions into jobs, what a job is told about its run, and how it ends one itself."""

from runyard import trigger
from runyard.core.decorators import Job, interactive, job, pipeline
from runyard.core.run_context import TJobRunContext
from runyard.core.verdicts import Abort, Skip

__all__ = ["Abort", "Job", "Skip", "TJobRunContext", "interactive", "job", "pipeline", "trigger"]
