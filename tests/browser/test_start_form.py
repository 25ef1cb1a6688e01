"""The form that starts a job, used by mouse, by keyboard and on a phone while runs of the job go by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.support.browsers import PHONE, Album, Visitors, eventually
from tests.support.sites import Site, site

from runyard_server.client import Job

pytestmark = pytest.mark.slow

CODE = '''
from datetime import date, datetime
from typing import Annotated, Literal

from runyard import run, trigger


@run.job
def load(
    region: Annotated[str, "Which market to load."],
    limit: Annotated[int, "Rows at most."] = 5,
    mode: Literal["fast", "full"] = "fast",
    since: date = date(2026, 1, 1),
    until: datetime | None = None,
    tables: list[str] = ["orders"],
    dry: Annotated[bool, "Only look."] = False,
):
    """Load one market."""
    print("loaded", region, limit, mode, since, until, tables, dry)


@run.job(trigger=trigger.schedule("0 0 1 1 *"))
def yearly():
    """Run while nobody looks."""


@run.job
def plain():
    print("nothing to say")
'''

FILES = {
    "etl.py": CODE,
    "__deployment__.py": 'from etl import load, plain, yearly\n__all__ = ["load", "plain", "yearly"]\n',
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a server with a job that takes something of every kind, and one that takes nothing."""
    with site(tmp_path_factory.mktemp("root"), FILES) as shop:
        yield shop


def open_job(shop: Site, page: Page, name: str) -> Job:
    """Bring somebody signed in to the page of a job, and return the job."""
    shop.sign_in(page)
    job = shop.client.job(name)
    page.goto(f"{shop.origin}/panel/#/w/{shop.client.workspace.id}/jobs/{job.job_ref}")
    expect(page.get_by_role("button", name="Run now")).to_be_visible()
    return job


def printed(shop: Site, page: Page) -> str:
    """Return what the run printed that the page says was started."""
    link = page.locator(".notice").get_by_role("link")
    href = eventually(page, lambda: link.get_attribute("href"), bool) or ""
    run = shop.client.wait(href.rpartition("/")[2])
    (line,) = [line.text for line in shop.client.logs(run.id) if line.stream == "stdout"]
    return line


def described(field: Locator) -> str:
    """Return what a screen reader says after the name of a field."""
    return str(
        field.evaluate(
            """(field) => field.getAttribute("aria-describedby").split(" ")
                .map((id) => field.getRootNode().getElementById(id).textContent).join(" ").trim()"""
        )
    )


# SPEC: JCF-09, UI-05
def test_a_form_is_filled_and_sent_while_runs_of_the_job_go_by(shop: Site, visitors: Visitors) -> None:
    page = visitors.new()
    job = open_job(shop, page, "load")

    def go_by() -> None:
        """Let a run of the job come and go, and wait until the page has drawn it."""
        (started,) = shop.client.trigger(job_ids=[job.id], config={"region": "other"}).started
        assert started.run
        shop.client.wait(started.run.id)
        expect(page.get_by_role("grid").get_by_text(f"#{started.run.number}").first).to_be_visible()

    region = page.get_by_label("region")
    for letter in "nor":
        region.press(letter)
        go_by()
    expect(region).to_be_focused()
    page.keyboard.type("d")
    expect(region).to_have_value("nord")
    expect(region).to_have_attribute("aria-required", "true")
    assert described(region) == "Which market to load. (string)"
    expect(page.get_by_label("limit")).to_have_attribute("placeholder", "5")
    page.get_by_label("limit").fill("7")
    page.get_by_label("mode").select_option("full")
    go_by()
    page.get_by_label("since").fill("2026-02-03")
    page.get_by_label("tables").fill('["a", "b"]')
    page.get_by_label("dry").check()
    go_by()
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".notice")).to_contain_text("Started load #")
    assert printed(shop, page) == "loaded nord 7 full 2026-02-03 None ['a', 'b'] True"
    expect(region).to_have_value("nord")

    # The same again with one more, on the page of the run: the values stay those of the run.
    page.locator(".notice").get_by_role("link").click()
    page.get_by_role("button", name="Run again").click()
    expect(page.locator(".notice")).to_contain_text("Started load #")
    assert printed(shop, page) == "loaded nord 7 full 2026-02-03 None ['a', 'b'] True"


# SPEC: JCF-09
def test_clicks_between_redraws_all_count(shop: Site, visitors: Visitors) -> None:
    page = visitors.new()
    job = open_job(shop, page, "load")
    before = sum(1 for _ in shop.client.runs(job_id=job.id))
    page.get_by_label("region").fill("nord")
    for _ in range(4):
        # Each start is a change that draws the page anew while the next click comes.
        page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("grid").get_by_text(f"#{before + 4}", exact=True).first).to_be_visible()


# SPEC: UI-04
def test_a_press_that_lasts_while_the_page_is_drawn_anew_counts(shop: Site, visitors: Visitors) -> None:
    page = visitors.new()
    job = open_job(shop, page, "yearly")
    page.get_by_role("button", name="Pause").hover()
    page.mouse.down()
    shop.client.wait(shop.start("yearly"))
    expect(page.locator(".heading").get_by_text("completed")).to_be_visible()
    page.mouse.up()
    expect(page.locator(".notice")).to_contain_text("yearly is paused")
    assert shop.client.job(job.job_ref).is_paused

    # What stands in its place now is another button, and does what it says.
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("yearly goes on")
    expect(page.get_by_role("button", name="Pause")).to_be_enabled()


# SPEC: UI-04
def test_a_press_under_way_never_reaches_a_button_drawn_in_its_place(shop: Site, visitors: Visitors) -> None:
    page = visitors.new()
    job = open_job(shop, page, "yearly")
    buttons = page.locator(".heading marimo-ui-element")

    def addresses(count: int) -> set[str | None]:
        """Return where presses of the buttons in the head go, once there are so many."""
        read = "(buttons) => buttons.map((button) => button.getAttribute('object-id'))"

        def found() -> list[str | None]:
            return list(buttons.evaluate_all(read))

        told = eventually(page, found, lambda each: len(each) == count)
        return set(told)

    expect(page.get_by_role("button", name="Pause")).to_be_enabled()
    of_pause = addresses(1)
    shop.client.pause(job.id)
    expect(page.get_by_role("button", name="Resume and catch up")).to_be_visible()
    of_resume = addresses(2)
    assert of_pause.isdisjoint(of_resume)
    shop.client.resume(job.id)
    expect(page.get_by_role("button", name="Pause")).to_be_enabled()
    assert addresses(1) == of_pause


# SPEC: JCF-09
def test_a_form_is_filled_by_keyboard_and_what_is_refused_is_said_at_its_field(
    shop: Site, visitors: Visitors
) -> None:
    page = visitors.new()
    open_job(shop, page, "load")
    page.get_by_label("region").focus()
    page.keyboard.type("nord")
    page.keyboard.press("Tab")
    page.keyboard.type("many")
    page.keyboard.press("Enter")
    limit = page.get_by_label("limit")
    expect(limit).to_have_attribute("aria-invalid", "true")
    expect(limit).to_be_focused()
    said = page.get_by_role("alert").filter(has_text="limit does not fit jobs.etl.load.")
    expect(said).to_be_visible()
    assert "It takes limit: integer, else 5." in described(limit)

    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("3")
    expect(said).to_be_hidden()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")  # the first choice
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("Started load #")
    assert printed(shop, page) == "loaded nord 3 fast 2026-01-01 None ['orders'] False"

    # The box for what has no field is folded away, and opens for what is wrong in it.
    settings = page.get_by_label("Settings for this run")
    expect(settings).to_be_hidden()
    page.get_by_text("More settings").click()
    settings.fill("limt=3")
    page.get_by_text("More settings").click()
    page.get_by_role("button", name="Run now").click()
    expect(settings).to_be_focused()
    expect(page.get_by_role("alert").filter(has_text="limt is no parameter")).to_be_visible()


# SPEC: JCF-09
def test_a_job_without_inputs_has_the_box_alone(shop: Site, visitors: Visitors) -> None:
    page = visitors.new()
    open_job(shop, page, "plain")
    page.get_by_label("Settings for this run").fill("sources__x=1")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".notice")).to_contain_text("Started plain #")
    assert printed(shop, page) == "nothing to say"


# SPEC: JCF-09
def test_a_form_fits_a_phone_and_reads_the_viewers_clock(shop: Site, visitors: Visitors) -> None:
    page = visitors.new(size=PHONE)
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    open_job(shop, page, "load")
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("region").fill("nord")
    page.get_by_label("until").fill("2026-01-02T09:00:00")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".notice")).to_contain_text("Started load #")
    assert "2026-01-02 00:00:00+00:00" in printed(shop, page)


def test_pictures_of_the_form(shop: Site, visitors: Visitors, album: Album) -> None:
    page = visitors.new()
    open_job(shop, page, "load")

    def ready(page: Page) -> None:
        page.get_by_label("limit").fill("many")
        page.get_by_role("button", name="Run now").click()
        expect(page.get_by_role("alert").filter(has_text="does not fit")).to_be_visible()
        page.get_by_label("region").scroll_into_view_if_needed()

    album.take(page, "start-form", ready)
