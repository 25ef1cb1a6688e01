"""Modules that run inside a job's process. Each has `main(run_id, trigger, entry_point)`, which does not return.

The server starts `main` by a call (`preparing.arguments`); `python -m runyard.core.launchers.<name>` with options, as
other launchers are started, does the same. They import as little as they can: it is what lies between a start
and the first line of user code.
"""
