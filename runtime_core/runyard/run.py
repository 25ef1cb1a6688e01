"""The decorators that turn functions into jobs, and what a job is told about its run."""

from runyard import trigger
from runyard.core.decorators import Job, interactive, job, pipeline
from runyard.core.run_context import TJobRunContext

__all__ = ["Job", "TJobRunContext", "interactive", "job", "pipeline", "trigger"]
