"""What should happen, given the facts and the time. The heart: everything that decides is here, nothing that acts.

Five questions, each a pure function in a module of its own:

* `plan`        which timed triggers are due, and what each tick becomes (`due_ticks`);
* `plan_start`  what a start by hand, by tag or by pipeline name becomes (`starts`);
* `plan_event`  what an event becomes that a job waits for: a deploy, a call of its webhook (`events`);
* `plan_after`  what the end of a run causes: follow-ups, the next part of a backlog, a refresh downstream (`ends`);
* `plan_claim`  which part of time a run covers, decided when it leaves the queue and not before, because what ran
  meanwhile moves the boundary (`windows`).

Each answer is a list of decisions (`decisions`), and each decision carries the facts it stood on and a sentence that an
analyst understands; the loops write them down as they are (SCH-08). When ticks fall is `intervals`; what a text means
is `triggers`; the facts are loaded by `store.facts`.
"""

from __future__ import annotations

from runyard.core.planning.decisions import Decision, NewRun
from runyard.core.planning.due_ticks import Plan, cause_of_tick, due_after, due_again, plan
from runyard.core.planning.ends import After, Ended, plan_after
from runyard.core.planning.events import Event, plan_event, plan_missed_events
from runyard.core.planning.starts import plan_start
from runyard.core.planning.windows import Started, is_refresh, plan_claim, window_at_start

__all__ = [
    "After",
    "Decision",
    "Ended",
    "Event",
    "NewRun",
    "Plan",
    "Started",
    "cause_of_tick",
    "due_after",
    "due_again",
    "is_refresh",
    "plan",
    "plan_after",
    "plan_claim",
    "plan_event",
    "plan_missed_events",
    "plan_start",
    "window_at_start",
]
