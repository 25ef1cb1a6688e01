"""The example, deployed at a site, with a little of what it would publish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from tests.support.sites import Site, site

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"

PUBLISHED = """
    create table days as
        select * from (values
            (date '2013-01-01', 'UA', 'United', 'JFK', 4, 3, 1, 2, 30),
            (date '2013-02-01', 'AA', 'American', 'EWR', 2, 2, 0, 0, 4)
        ) as day(day, carrier, airline, origin, flights, departed, cancelled, late, delay_minutes);
    create table hours as select 1 as month, 6 as hour, * exclude (day, origin) from days;
    create table visibility as select '0 to 1' as miles, * exclude (day, origin) from days where carrier = 'UA';
"""


def publish(folder: Path) -> None:
    """Put a small published copy into the folder that a workspace's jobs share."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(folder / "published.duckdb") as database:
        database.execute(PUBLISHED)


@contextmanager
def flights_site(root: Path) -> Iterator[Site]:
    """Serve the example while the context is open."""
    files = {
        path.relative_to(EXAMPLE).as_posix(): path.read_bytes()
        for path in EXAMPLE.rglob("*")
        if path.suffix in (".py", ".toml")
    }
    with site(root, files, name="flights") as flights:
        yield flights
