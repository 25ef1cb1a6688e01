"""What is around every page: the bar with where one can go and who one is, notices, and the pages that lead nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import marimo as mo

from runyard.core.errors import NotFound, RunyardError
from runyard.core.job_refs import short_name
from runyard_notebooks import strings
from runyard_notebooks.actions import Notice, refusal
from runyard_notebooks.fragments import Html, Shown, badge, empty, html, icon, join, link, menu, with_code
from runyard_notebooks.routes import PARENTS, Addresses, Page, Route
from runyard_notebooks.session import Session
from runyard_server.client import Workspace

SECTIONS = (Page.OVERVIEW, Page.JOBS, Page.RUNS, Page.LINKS)


def title(route: Route) -> str:
    """Return what the browser calls a page; that of a run is known with the run."""
    return titled(short_name(route.item) if route.page is Page.JOB else route.page.capitalize())


def titled(name: str) -> str:
    """Return what the browser calls a page of this name."""
    return f"{name} · {strings.MARK}"


def bar(
    session: Session,
    workspaces: Sequence[Workspace],
    here: Workspace | None,
    route: Route,
    go: Callable[[str], None],
) -> Html:
    """Return the bar above every page; `go` shows another one."""
    addresses = Addresses(here.id if here else "")
    now = PARENTS.get(route.page, route.page)
    return html(
        '<header class="bar"><a class="mark" href="{home}">{mark}</a>{switcher}<nav aria-label="Pages">{pages}</nav>'
        '<div class="who">{copy}{user}</div></header>',
        home=addresses.page(Page.OVERVIEW),
        mark=strings.MARK,
        switcher=_switcher(workspaces, here, go),
        pages=join(_section(page, addresses, is_here=page is now) for page in SECTIONS),
        copy=badge(strings.COPY, "busy") if session.is_copy else None,
        user=_user(session, here),
    )


def _user(session: Session, here: Workspace | None) -> Html:
    """Return who looks; in the server's own panel it opens what they can do about it."""
    name = html(
        '<span class="user">{icon}<span>{user}</span></span>',
        icon=icon("user"),
        user=session.user or "viewer",
    )
    if session.is_copy:
        return name
    role = (
        html('<p class="quiet">{role} of {workspace}</p>', role=here.role, workspace=here.name)
        if here
        else None
    )
    return menu(
        name,
        html(
            '{role}<a href="/">{home}</a>'
            '<form method="post" action="/sign-out"><button class="button" type="submit">{leave}</button></form>',
            role=role,
            home=strings.HOME,
            leave=strings.SIGN_OUT,
        ),
        kind="account",
    )


def _section(page: Page, addresses: Addresses, *, is_here: bool) -> Html:
    return html(
        '<a href="{href}"{current}>{icon}<span>{name}</span></a>',
        href=addresses.page(page),
        current=Html(' aria-current="page"' if is_here else ""),
        icon=icon(page),
        name=page.capitalize(),
    )


def _switcher(workspaces: Sequence[Workspace], here: Workspace | None, go: Callable[[str], None]) -> Shown:
    if len(workspaces) < 2:
        return html('<span class="workspace">{name}</span>', name=here.name) if here else None
    names = Counter(workspace.name for workspace in workspaces)
    choices = {
        workspace.name
        if names[workspace.name] == 1
        else f"{workspace.name} ({workspace.id[:8]})": workspace.id
        for workspace in workspaces
    }
    shown = next((name for name, id in choices.items() if here and id == here.id), None)
    picker = mo.ui.dropdown(
        choices,
        value=shown,
        searchable=True,
        allow_select_none=False,
        on_change=lambda id: go(Route(Page.OVERVIEW, workspace=id).address().removeprefix("#")),
    )
    return html('<span class="workspace switcher">{picker}</span>', picker=picker)


def notice(told: Notice | None) -> Html | None:
    """Return how the last action went."""
    if told is None:
        return None
    leaves = told.is_said_elsewhere or not told.is_refusal
    return html(
        '<div class="notice {kind} {stay}" role="status">{icon}<p><strong>{text}</strong> {remedy} {link}</p></div>',
        kind="refused" if told.is_refusal else "done",
        stay="leaves" if leaves else "",
        icon=icon("failed" if told.is_refusal else "completed"),
        text=with_code(told.text),
        remedy=with_code(told.remedy),
        link=link(told.href, strings.LOOK) if told.href else None,
    )


def nowhere(addresses: Addresses) -> Html:
    """Return what an address that names no page shows."""
    to_overview = link(addresses.page(Page.OVERVIEW), strings.TO_OVERVIEW)
    return empty(strings.NOWHERE_TITLE, strings.NOWHERE, action=to_overview)


def no_workspace(workspaces: Sequence[Workspace]) -> Html:
    """Return what is shown when the workspace of the address is not the viewer's, or there is none at all."""
    if workspaces:
        return empty(strings.OTHER_WORKSPACE_TITLE, strings.OTHER_WORKSPACE)
    return empty(strings.NO_WORKSPACE_TITLE, strings.NO_WORKSPACE, command=strings.DEPLOY_COMMAND)


def trouble(error: RunyardError) -> Html:
    """Return what a page shows that the server refuses."""
    told = refusal(error)
    to_overview = link(Route(Page.OVERVIEW).address(), strings.TO_OVERVIEW)
    return empty(told.text, told.remedy, action=to_overview if isinstance(error, NotFound) else None)
