"""Modules that run inside a job's process, started as `python -m runyard.core.launchers.<name>`.

They import as little as they can: it is what lies between a start and the first line of user code.
"""
