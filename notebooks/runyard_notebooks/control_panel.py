# /// script
# [tool.marimo.display]
# theme = "system"
# ///
# The return types of cells are marimo's to say, and what a cell shows is its last expression.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: B018
"""Jobs, runs and logs of this workspace as they change. Deployed as a job of its own, it only reads."""

# Cells wire pages to widgets; what pages say and do is in the modules beside this one. Names of cells are what they
# show. A cell with `changed` runs again when something changed on the server; the others only when the viewer goes
# somewhere else, so that their widgets keep what the viewer did in them.

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="runyard", css_file="style.css", html_head_file="head.html")

with app.setup:
    import functools
    import os

    import marimo as mo

    from runyard.core.time_words import zone_called
    from runyard.widgets import JobGraph, LogTail, RunTimeline
    from runyard_notebooks import strings
    from runyard_notebooks.actions import NOTHING_TOLD, Desk
    from runyard_notebooks.fragments import Output, card, columns, embedded, heading, quiet
    from runyard_notebooks.live import Watch, ask, counting
    from runyard_notebooks.pages import frame, job, links, overview, pipelines, run, runs, starting
    from runyard_notebooks.routes import Addresses, Page, Route, parse
    from runyard_notebooks.session import Session, read_session
    from runyard_notebooks.times import now_in, your_time
    from runyard_server.client import Job, Workspace
    from runyard_widgets.router import Router


@app.cell(hide_code=True)
def address():
    """The address bar. It has no route until the browser has said it."""
    router = mo.ui.anywidget(Router(route=""))
    # Cells that only go somewhere need not run again when the viewer went somewhere.
    go, entitle = router.widget.go, router.widget.entitle
    router
    return entitle, go, router


@app.cell(hide_code=True)
async def viewer():
    """Who looks: read once, as no later run of a cell knows."""
    _request = mo.app_meta().request
    session = await ask(read_session, (_request.meta if _request else {}) or {}, os.environ)
    workspaces = await ask(session.workspaces)
    return session, workspaces


@app.cell(hide_code=True)
def desks(go, session: Session):
    """What acts for the viewer, one desk a workspace, and how the last action went."""
    told, set_told = mo.state(NOTHING_TOLD)

    @functools.cache
    def desk_of(workspace: Workspace) -> Desk:
        addresses = Addresses(workspace.id, is_copy=session.is_copy)
        return Desk(session.client(workspace.id), addresses, session.forbidden(workspace), set_told, go)

    return desk_of, set_told, told


@app.cell(hide_code=True)
def watch():
    """What changes without the viewer."""
    changed, watch = counting()
    return changed, watch


@app.cell(hide_code=True)
def place(entitle, go, router, session: Session, set_told, workspaces: list[Workspace]):
    """Where the viewer is, the bar that says so, and the time zone there."""
    mo.stop(not router.route)
    route = parse(router.route)
    workspace = next((each for each in workspaces if route.workspace in ("", each.id)), None)
    zone = zone_called(router.zone)
    set_told(None)
    entitle(frame.title(route))
    bar_shown = Output(frame.bar(session, workspaces, workspace, route, go))
    bar_shown
    return route, workspace, zone


@app.cell(hide_code=True)
async def desk(desk_of, watch: Watch, workspace: Workspace | None, workspaces: list[Workspace]):
    """What acts for the viewer in this workspace; without one no page is shown."""
    if workspace is None:
        raise mo.MarimoStopError(Output(frame.no_workspace(workspaces)))
    desk = desk_of(workspace)
    # Asked for here, where a refusal is shown: widgets are made with it in cells that only draw.
    await ask(getattr, desk.client, "workspace")
    watch.follow(desk.client)
    return (desk,)


@app.cell(hide_code=True)
def notice(told):
    """How the last action went."""
    notice_shown = Output(frame.notice(told()))
    notice_shown
    return


@app.cell(hide_code=True)
def nowhere(desk: Desk, route: Route):
    """An address that names no page."""
    mo.stop(route.page is not Page.NOWHERE)
    nowhere_shown = Output(frame.nowhere(desk.addresses))
    nowhere_shown
    return


@app.cell(hide_code=True)
async def overview_numbers(changed, desk: Desk, route: Route, zone):
    """The workspace in numbers."""
    mo.stop(route.page is not Page.OVERVIEW)
    changed()
    overview_seen = await ask(overview.load, desk.client, now_in(zone))
    overview_shown = Output(overview.numbers(overview_seen, desk.addresses))
    overview_shown
    return (overview_seen,)


@app.cell(hide_code=True)
def overview_timeline(desk: Desk, route: Route, zone):
    """The runs over time."""
    mo.stop(route.page is not Page.OVERVIEW)
    _timeline = RunTimeline(
        client=desk.client, href=desk.addresses.each_run, height=280, empty=strings.EMPTY_RUNS
    )
    timeline_shown = Output(card("Timeline", embedded(_timeline), aside=quiet(your_time(zone))))
    timeline_shown
    return


@app.cell(hide_code=True)
def overview_attention(desk: Desk, overview_seen):
    """What fails, and what comes next."""
    attention_shown = Output(overview.attention(overview_seen, desk.addresses))
    attention_shown
    return


@app.cell(hide_code=True)
def overview_runs(desk: Desk, route: Route):
    """The newest runs."""
    mo.stop(route.page is not Page.OVERVIEW)
    newest_shown = Output(card("Newest runs", embedded(desk.run_table(height=600, limit=12))))
    newest_shown
    return


@app.cell(hide_code=True)
def jobs_graph(desk: Desk, route: Route):
    """Who follows whom, and all jobs."""
    mo.stop(route.page is not Page.JOBS)
    _graph = JobGraph(client=desk.client, href=desk.addresses.each_job, height=300, empty=strings.EMPTY_JOBS)
    jobs_shown = Output(
        heading("Jobs"),
        card("Graph", embedded(_graph)),
        card("All jobs", embedded(desk.job_table(height=520))),
    )
    jobs_shown
    return


@app.cell(hide_code=True)
async def job_found(desk: Desk, route: Route):
    """The job of the address."""
    mo.stop(route.page is not Page.JOB)
    job_here = await ask(desk.client.job, route.item)
    return (job_here,)


@app.cell(hide_code=True)
def job_buttons(desk: Desk, job_here: Job):
    """What can be done to the job, whatever becomes of it meanwhile."""
    job_offered = job.buttons(job_here, desk)
    return (job_offered,)


@app.cell(hide_code=True)
async def job_head(changed, desk: Desk, job_here: Job, job_offered, zone):
    """What the job is."""
    changed()
    job_seen = await ask(job.load, desk.client, job_here.job_ref, now_in(zone))
    job_shown = Output(job.head(job_seen, desk, job_offered))
    job_shown
    return (job_seen,)


@app.cell(hide_code=True)
def job_runs(desk: Desk, job_here: Job, zone):
    """Starting it, and its history."""
    job_runs_shown = Output(
        columns(
            card("History", embedded(desk.run_table(job_here.job_ref, height=340))),
            starting.starter(job_here, desk, zone),
            kind="aside",
        )
    )
    job_runs_shown
    return


@app.cell(hide_code=True)
def job_explained(desk: Desk, job_seen):
    """Why it ran or did not, and how it is set up."""
    job_explained_shown = Output(job.explanation(job_seen, desk))
    job_explained_shown
    return


@app.cell(hide_code=True)
async def runs_choice(desk: Desk, route: Route):
    """Whose runs are shown."""
    mo.stop(route.page is not Page.RUNS)
    _jobs = await ask(runs.load, desk.client)
    picked_job = runs.choice(_jobs)
    return (picked_job,)


@app.cell(hide_code=True)
def runs_list(desk: Desk, picked_job, route: Route):
    """The runs, live."""
    _table = desk.run_table(picked_job.value, height=640, status=route.status)
    runs_shown = Output(runs.head(picked_job, desk, lambda: _table.selected), card("", embedded(_table)))
    runs_shown
    return


@app.cell(hide_code=True)
async def run_found(desk: Desk, route: Route):
    """The run of the address."""
    mo.stop(route.page is not Page.RUN)
    run_here = await ask(desk.client.run, route.item)
    return (run_here,)


@app.cell(hide_code=True)
def run_buttons(desk: Desk, run_here):
    """What can be done to the run, whatever becomes of it meanwhile."""
    run_offered = run.buttons(run_here, desk)
    return (run_offered,)


@app.cell(hide_code=True)
async def run_head(changed, desk: Desk, entitle, run_here, run_offered, zone):
    """How the run stands, and everything about it."""
    changed()
    entitle(frame.titled(run.name(run_here)))
    _seen = await ask(run.load, desk.client, run_here.id, now_in(zone))
    run_shown = Output(
        run.head(_seen, desk.addresses, run_offered),
        run.causes(_seen),
        pipelines.loaded(_seen, desk.addresses),
        run.details(_seen, desk.addresses),
    )
    run_shown
    return


@app.cell(hide_code=True)
def run_log(desk: Desk, run_here):
    """What it prints, live."""
    _log = LogTail(run=run_here.id, client=desk.client, href=desk.addresses.each_run, height=560)
    log_shown = Output(card("Log", embedded(_log)))
    log_shown
    return


@app.cell(hide_code=True)
async def links_page(changed, desk: Desk, route: Route):
    """The apps, and their public links."""
    mo.stop(route.page is not Page.LINKS)
    changed()
    _apps = await ask(links.load, desk.client)
    links_shown = Output(links.page(_apps, desk))
    links_shown
    return


if __name__ == "__main__":
    app.run()
