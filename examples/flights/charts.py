"""Charts of the published tables: frames in, Altair charts out. Reading them is in `warehouse`.

A frame has the counts that `transform` publishes: flights, departed, cancelled, late, delay_minutes.
"""

from dataclasses import dataclass

import altair as alt
import polars as pl

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
VISIBILITY = ["under 1", "1 to 3", "3 to 10", "10 and more"]
"""Miles, as published, from fog to clear."""

INK, MUTED, ACCENT = "#1f2a37", "#6b7280", "#c2410c"
HEIGHT = 260
"""Of each chart, in pixels: two rows of them fit on a laptop."""


@dataclass(frozen=True)
class Measure:
    """What a chart shows: one count divided by another, and how the axis writes it."""

    title: str
    part: str
    whole: str
    number: str

    def of(self, frame: pl.DataFrame, *by: str) -> pl.DataFrame:
        """Return columns `by`, flights, and `value`: the measure over each group, null where none left."""
        part, whole = pl.col(self.part).sum(), pl.col(self.whole).sum()
        value = pl.when(whole > 0).then(part / whole)
        return frame.group_by(by, maintain_order=True).agg(pl.col("flights").sum(), value.alias("value"))


MEASURES = {
    measure.title: measure
    for measure in (
        Measure("Mean departure delay, minutes", "delay_minutes", "departed", ".1f"),
        Measure("Left 15 minutes late or more", "late", "departed", ".1%"),
        Measure("Cancelled", "cancelled", "flights", ".2%"),
    )
}


def by_month(days: pl.DataFrame, measure: Measure) -> alt.Chart:
    """Return one bar per month of the table `days`."""
    month = pl.col("day").dt.month().replace_strict(dict(enumerate(MONTHS, 1)), return_dtype=pl.String)
    frame = measure.of(days.sort("day").with_columns(month.alias("month")), "month")
    return _finish(
        alt.Chart(frame, title="By month")
        .mark_bar(color=ACCENT, cornerRadiusEnd=3)
        .encode(
            x=alt.X("month:N", sort=MONTHS, title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title=None, axis=_axis(measure)),
            tooltip=["month:N", *_tips(measure)],
        )
    )


def by_airline(days: pl.DataFrame, measure: Measure) -> alt.Chart:
    """Return one bar per airline of the table `days`, the worst on top, shaded by its number of flights."""
    return _finish(
        alt.Chart(measure.of(days, "airline"), title="By airline (darker: more flights)")
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("value:Q", title=None, axis=_axis(measure)),
            y=alt.Y("airline:N", sort="-x", title=None, axis=alt.Axis(labelLimit=170)),
            color=alt.Color("flights:Q", scale=alt.Scale(scheme="oranges", domainMin=-20_000), legend=None),
            tooltip=["airline:N", *_tips(measure)],
        )
    )


def by_hour(hours: pl.DataFrame, measure: Measure) -> alt.Chart:
    """Return a heat map of the table `hours`: scheduled hour of departure across, month down."""
    month = pl.col("month").replace_strict(dict(enumerate(MONTHS, 1)), return_dtype=pl.String)
    frame = measure.of(hours.with_columns(month), "month", "hour")
    return _finish(
        alt.Chart(frame, title="By hour of departure and month")
        .mark_rect()
        .encode(
            x=alt.X("hour:O", title="scheduled hour, New York", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("month:N", sort=MONTHS, title=None),
            color=alt.Color(
                "value:Q",
                title=None,
                scale=alt.Scale(scheme="oranges"),
                legend=alt.Legend(format=_short(measure), gradientLength=HEIGHT - 40),
            ),
            tooltip=["month:N", "hour:O", *_tips(measure)],
        )
    )


def by_visibility(visibility: pl.DataFrame, measure: Measure) -> alt.Chart:
    """Return one bar per band of the table `visibility`, from fog to clear."""
    return _finish(
        alt.Chart(measure.of(visibility, "miles"), title="By visibility at the airport")
        .mark_bar(color=INK, cornerRadiusEnd=3)
        .encode(
            x=alt.X("miles:N", sort=VISIBILITY, title="miles", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title=None, axis=_axis(measure)),
            tooltip=["miles:N", *_tips(measure)],
        )
    )


def _axis(measure: Measure) -> alt.Axis:
    return alt.Axis(format=_short(measure), tickCount=5)


def _short(measure: Measure) -> str:
    """Return the number format of a scale: zeros at the end of its round numbers say nothing."""
    return f"{measure.number[:-1]}~{measure.number[-1]}"


def _tips(measure: Measure) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("value:Q", title=measure.title, format=measure.number),
        alt.Tooltip("flights:Q", format=","),
    ]


def _finish(chart: alt.Chart) -> alt.Chart:
    return (
        chart.properties(width="container", height=HEIGHT)
        .configure_view(stroke=None)
        .configure_title(anchor="start", color=INK, fontSize=14, offset=12)
        .configure_axis(
            domain=False,
            gridColor="#eef0f3",
            labelColor=MUTED,
            ticks=False,
            titleColor=MUTED,
            titleFontWeight="normal",
        )
        .configure_legend(labelColor=MUTED)
    )
