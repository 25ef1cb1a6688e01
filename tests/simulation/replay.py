"""Tells the story of one seed: `python -m tests.simulation.replay SEED`."""

from __future__ import annotations

import logging
import sys

from tests.simulation.campaign import told
from tests.simulation.world import World


def main() -> int:
    logging.disable()
    world = World(int(sys.argv[1]), tells=True)
    try:
        world.run()
    except Exception as error:
        print("\n".join(world.story))  # noqa: T201
        print(f"seed {world.seed}, step {world.events}: {told(error)}")  # noqa: T201
        return 1
    print("\n".join(world.story))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
