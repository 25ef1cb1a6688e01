"""What every test may use: this folder's `support` packages, and the fixtures of `support.databases`."""

pytest_plugins = ["tests.support.databases"]
