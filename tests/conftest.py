"""What every test may use: this folder's `support` packages, and the fixtures of databases and browsers."""

pytest_plugins = ["tests.support.databases", "tests.support.browsers"]
