"""What every test may use: this folder's `support` packages, the fixtures of databases and browsers, drawn inputs."""

import gc

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.databases", "tests.support.browsers"]

# The same inputs on every machine, and none of them too slow for a busy one.
settings.register_profile(
    "tests", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """Let the collector of garbage look at what tests make, and not at every module again and again."""
    gc.collect()
    gc.freeze()
