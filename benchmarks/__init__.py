"""How fast and how small: a real server, real processes, a real client, each figure beside its budget.

One module per measurement; what they share is `figures` (numbers), `yardstick` (an empty Python), `served` (a server)
and `report` (how it is shown). What the figures mean and the latest ones are in `docs/benchmarks.md`.
"""
