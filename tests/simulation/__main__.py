"""Lives through many seeds: see `campaign`."""

import sys

from tests.simulation.campaign import main

sys.exit(main())
