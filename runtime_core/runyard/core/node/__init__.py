"""What runs beside a job, on the machine that runs it: the same for every engine.

`keeper` forks one `shim` per attempt; the shim owns the job's process, its log, its limits and its exit
report. `attempt_dir` says which files an attempt has, `attempt_log` and `output_pipe` turn what a job prints
into log records, `notifier` tells the server that there are new ones, `linux` is what only the kernel can do.

Standard library only, and imported relatively: `python -I -S .../node` runs it without the rest of runyard.
"""
