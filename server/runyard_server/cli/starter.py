"""The first files of a workspace without code: one job, and in comments what else its decorator can say."""

from __future__ import annotations

JOB = '''"""A first job, to change or to throw away. What a decorator takes: docs/jobs.md of runyard."""

from runyard import run, trigger
from runyard.run import TJobRunContext


# trigger: when it runs. `runyard run hello -f` starts it now. Others are
#   trigger.every("6h")                          each six hours
#   [load.success, trigger.webhook()]            whenever `load` has completed, or somebody posts to its address
@run.job(trigger=trigger.schedule("0 6 * * *"), require={"timezone": "UTC"})
def hello(run_context: TJobRunContext, name: str = "world") -> None:
    """Greet somebody: `runyard run hello -c name=you`."""
    print(f"Hello, {name}! This run covers {run_context['interval_start']} to {run_context['interval_end']}.")


# interval: what it covers. Each run gets the time since the last that completed, the first begins at `start`, and
# `split` takes what was missed in parts, oldest first:
#
# @run.job(trigger="@daily", interval={"start": "2026-01-01", "split": "@monthly"})
# def load(run_context: TJobRunContext) -> None:
#     print("rows from", run_context["interval_start"], "to", run_context["interval_end"])
#
#
# freshness: what has to be complete first. Its own tick starts nothing while `load` is behind:
#
# @run.job(trigger="0 7 * * *", freshness=[load.is_fresh])
# def report() -> None:
#     print("all rows are there")
'''

DEPLOYMENT = '''"""What `runyard deploy` deploys: the jobs that are listed here."""

from starter import hello

__all__ = ["hello"]
'''

FILES = {"starter.py": JOB, "__deployment__.py": DEPLOYMENT}
