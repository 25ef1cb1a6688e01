"""Delays of the flights that left New York in 2013: by month, airline, hour and visibility."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="New York departures 2013")

with app.setup:
    # What this notebook needs beside the dependencies of the project.
    __require__ = {"dependency_groups": ["serve"]}


@app.cell
def _():
    import marimo as mo
    import polars as pl

    import charts
    import warehouse

    def side_by_side(least_width, *shown):
        """Return things beside each other, as many as there is room for: each has `least_width` pixels."""
        columns = f"repeat(auto-fit, minmax(min(100%, {least_width}px), 1fr))"
        cells = "".join(f'<div style="min-width: 0">{mo.as_html(one).text}</div>' for one in shown)
        return mo.Html(
            f'<div style="display: grid; gap: 1.5rem; grid-template-columns: {columns}">{cells}</div>'
        )

    return charts, mo, pl, side_by_side, warehouse


@app.cell
def _(mo):
    refresh = mo.ui.refresh(options=["5s", "30s"], label="Read again")
    mo.hstack([mo.md("# New York departures 2013"), refresh], align="center", wrap=True)
    return (refresh,)


@app.cell
def _(mo, pl, refresh, warehouse):
    refresh.value  # read what was published since
    try:
        days, hours, visibility = (
            pl.from_arrow(warehouse.read(warehouse.home(), f"from {table}"))
            for table in ("days", "hours", "visibility")
        )
    except warehouse.NotPublishedYet:
        empty = mo.md(
            """
            **Nothing is published yet.** Load the data with

            `runyard job trigger tag:demo`

            The charts appear when the weather and the first month of flights are in, and grow by the month.
            """
        )
        mo.stop(True, mo.callout(empty, kind="info"))
    airlines = sorted(days["airline"].unique())
    return airlines, days, hours, visibility


@app.cell
def _(airlines, charts, mo):
    chosen = mo.ui.multiselect(airlines, label="Airlines")
    measure = mo.ui.dropdown(charts.MEASURES, value=next(iter(charts.MEASURES)), label="Show")
    mo.hstack([measure, chosen], justify="start", gap=2, wrap=True)
    return chosen, measure


@app.cell
def _(airlines, chosen, days, hours, pl, visibility):
    # No airline chosen means all of them.
    wanted = pl.col("airline").is_in(chosen.value or airlines)
    some_days, some_hours, some_visibility = (frame.filter(wanted) for frame in (days, hours, visibility))
    return some_days, some_hours, some_visibility


@app.cell
def _(charts, mo, side_by_side, some_days):
    first, last = some_days["day"].min(), some_days["day"].max()
    side_by_side(
        150,
        mo.stat(
            f"{some_days['flights'].sum():,}", label="Flights", caption=f"{first} to {last}", bordered=True
        ),
        *(
            mo.stat(f"{one.of(some_days)['value'].item():{one.number}}", label=one.title, bordered=True)
            for one in charts.MEASURES.values()
        ),
    )
    return


@app.cell
def _(charts, measure, side_by_side, some_days, some_hours, some_visibility):
    side_by_side(
        400,
        charts.by_month(some_days, measure.value),
        charts.by_visibility(some_visibility, measure.value),
        charts.by_airline(some_days, measure.value),
        charts.by_hour(some_hours, measure.value),
    )
    return


if __name__ == "__main__":
    app.run()
