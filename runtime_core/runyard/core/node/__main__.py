"""`python -I -S .../core/node`: run the keeper. Its standard input is the connection to the engine."""

import importlib
import os
import sys

# As a package of its own, not as `runyard.core.node`: that would import the doors, of no use to a keeper.
# Behind the standard library, because modules of the core share names with it.
sys.path[:1] = []
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
importlib.import_module("node.keeper").main()
