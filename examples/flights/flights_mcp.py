"""Answers questions about the delays of 2013 from the published copy."""

from typing import Annotated, Any

from fastmcp import FastMCP
from pydantic import Field

import warehouse

__require__ = {"dependency_groups": ["serve"]}

mcp: FastMCP[None] = FastMCP("New York departures 2013")

SHARES = """
    sum(flights)::bigint as flights,
    round(sum(delay_minutes) / nullif(sum(departed), 0), 1) as mean_delay_minutes,
    round(100.0 * sum(late) / nullif(sum(departed), 0), 1) as late_percent,
    round(100.0 * sum(cancelled) / sum(flights), 1) as cancelled_percent
"""
"""What every tool answers with; late is 15 minutes or more."""

Month = Annotated[int, Field(ge=1, le=12, description="1 to 12")]
Limit = Annotated[int, Field(ge=1, le=50)]


@mcp.tool
def delays_by_airline(month: Month | None = None) -> list[dict[str, Any]]:
    """Return flights, mean delay, late and cancelled share per airline, of a month or the year."""
    return _rows(
        f"select airline, {SHARES} from days where $1 is null or month(day) = $1"
        " group by all order by mean_delay_minutes desc nulls last",
        month,
    )


@mcp.tool
def worst_days(limit: Limit = 10) -> list[dict[str, Any]]:
    """Return the days on which the most flights were cancelled, and how late the others left."""
    return _rows(
        f"select day::varchar as day, {SHARES} from days group by all"
        " order by sum(cancelled) desc, day limit $1",
        limit,
    )


@mcp.tool
def delays_by_visibility() -> list[dict[str, Any]]:
    """Return delays by how far one could see at the airport, in miles: what fog does to departures."""
    return _rows(f"select miles, {SHARES} from visibility group by all order by mean_delay_minutes desc")


def _rows(query: str, *parameters: Any) -> list[dict[str, Any]]:
    return warehouse.read(warehouse.home(), query, parameters).to_pylist()


if __name__ == "__main__":
    mcp.run()
