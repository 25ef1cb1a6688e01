"""The pipelines of the example tell the server what they loaded, and people see it while the run goes on."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import expect
from tests.support.browsers import Visitors
from tests.support.flights import flights_site

pytestmark = pytest.mark.slow


# SPEC: DEC-19
def test_a_load_of_the_example_says_what_it_loaded_on_the_page_of_its_run(
    tmp_path: Path, visitors: Visitors
) -> None:
    with flights_site(tmp_path) as flights:
        client = flights.client
        page = visitors.new()
        flights.sign_in(page)
        run_id = flights.start("load_weather")
        visitors.expect_error("502|503")  # the panel starts
        page.goto(f"{flights.origin}/panel/#/w/{client.workspace.id}/runs/{run_id}")

        said = "\n".join(line.text for line in client.follow(run_id))
        assert client.wait(run_id).status == "completed", said
        [told] = client.pipeline_runs(run_id)
        assert (told.pipeline_name, told.status, told.attempt) == ("weather", "succeeded", 1)
        assert (told.destination_name, told.dataset_name) == ("duckdb", "weather")
        with duckdb.connect(flights.folder / "warehouse.duckdb", read_only=True) as database:
            [(rows,)] = database.execute("select count(*) from weather.weather").fetchall()
        assert [(table.table_name, table.rows) for table in told.tables] == [("weather", rows)]
        assert [package.status for package in told.load_packages] == ["loaded"]
        assert "/beacon/" not in said

        card = page.locator(".pipeline")
        expect(card).to_contain_text(f"{rows:,} rows to duckdb.weather")
        card.get_by_role("link", name="weather").click()
        expect(page.get_by_label("Pipeline", exact=True)).to_have_value("weather")
        expect(page.get_by_role("gridcell").get_by_role("link", name="load_weather")).to_be_visible()
        expect(page.get_by_role("gridcell").get_by_role("link", name="load_flights")).to_be_hidden()
