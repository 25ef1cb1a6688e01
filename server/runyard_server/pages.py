"""The few pages the server renders itself: signing in, what runs here, what is not there yet. No foreign address."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

from runyard_server.sign_in import ADDRESS_SECONDS, ASKED_COOKIE, PANEL, landing

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --ink: #1d1f21; --quiet: #5f6468; --line: #dedbd3; --card: #ffffff;
  --accent: #1f5f4a; --on-accent: #ffffff; --good: #1f6f4a; --bad: #a8321f; --busy: #7a5a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181a; --ink: #e9e7e1; --quiet: #a3a8ab; --line: #32383b; --card: #1d2124;
    --accent: #8fd6b8; --on-accent: #10231b; --good: #8fd6b8; --bad: #ff9d8a; --busy: #f0cc6b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif;
}
main { max-width: 46rem; margin: 0 auto; padding: clamp(2rem, 8vh, 5rem) 1.25rem; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .75rem; }
p { margin: 0 0 1rem; max-width: 38rem; }
form { margin: 0 0 1.5rem; }
a { color: var(--accent); }
.quiet { color: var(--quiet); }
.mark { font-weight: 650; letter-spacing: .01em; color: var(--accent); margin: 0 0 2rem; }
.button, button {
  font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent);
  display: inline-block; text-decoration: none; cursor: pointer;
  border: 0; border-radius: .5rem; padding: .75rem 1.4rem; min-height: 2.75rem;
}
.button:hover, button:hover { filter: brightness(1.08); }
.plain { color: var(--accent); background: none; padding: 0; font-weight: 400; text-decoration: underline; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
code { overflow-wrap: anywhere; }
pre, code { font: .9em/1.6 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
pre {
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .9rem 1rem; overflow-x: auto; margin: 0 0 1rem;
}
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .6rem 1rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 400; }
thead th { font-size: .85rem; font-weight: 600; color: var(--quiet); }
tbody tr:last-child > * { border-bottom: 0; }
.completed { color: var(--good); } .failed { color: var(--bad); }
.starting, .running, .cancelling { color: var(--busy); }
"""


def _hash_of(inline: str) -> str:
    """Return how a content security policy names a style or script in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"


HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src {_hash_of(STYLE)}; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    # The address of the sign-in page is a secret, and a page of yesterday says nothing about today.
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as the page shows it; `when` is ISO 8601."""

    job_ref: str
    number: int
    status: str
    when: str


@dataclass(frozen=True, slots=True)
class WorkspaceSection:
    """A workspace as the page shows it, with its newest runs."""

    id: str
    name: str
    job_count: int
    runs: Collection[RunLine]


def sign_in_page(token: str) -> HTMLResponse:
    """Return the page behind a one-time address: its button signs in, opening it does not."""
    return page(
        "Sign in",
        f"""
<h1>Sign in to runyard</h1>
<p>This address works once, on this server. The button signs this browser in as the owner.</p>
<form method="post" action="/sign-in">
<input type="hidden" name="token" value="{escape(token)}">
<button type="submit" autofocus>Sign in</button>
</form>""",
    )


def spent_page() -> HTMLResponse:
    """Return the page of an address that was used or has expired."""
    return page(
        "This address is used up",
        """
<h1>This address is used up</h1>
<p>A sign-in address works once and for fifteen minutes. Nothing is lost: start the server again,
and it prints a new one.</p>
<pre><code>runyard dev</code></pre>
<p class="quiet">If you signed in with this address before, you still are: <a href="/">open the server</a>.</p>""",
        status=410,
    )


def stranger_page(asked: str = "") -> HTMLResponse:
    """Return what somebody sees who is not signed in; the browser remembers the page they `asked` for."""
    response = page(
        "runyard",
        """
<h1>A runyard server</h1>
<p>It runs Python data jobs. To look inside, open the sign-in address that <code>runyard dev</code>
printed where it was started.</p>
<p class="quiet">Programs use an API key instead.</p>""",
        status=401,
    )
    if landing(asked) == asked:
        response.set_cookie(ASKED_COOKIE, asked, ADDRESS_SECONDS, httponly=True, samesite="lax")
    return response


def home_page(origin: str, sections: Collection[WorkspaceSection]) -> HTMLResponse:
    """Return what runs here, and how to connect a project."""
    shown = "".join(_section(section) for section in sections)
    nothing = "<p>No workspace yet. The next deploy makes the first one.</p>"
    return page(
        "runyard",
        f"""
<h1>What runs here</h1>
<p><a class="button" href="{PANEL}">Open the control panel</a></p>
{shown or nothing}
<h2>Connect a project</h2>
<p>In its folder, with an API key in <code>RUNYARD_API_KEY</code>:</p>
<pre><code>export RUNYARD_SERVER={escape(origin)}
runyard deploy</code></pre>
<p class="quiet">The API is described at <a href="/openapi.json">/openapi.json</a>.</p>
<form method="post" action="/sign-out"><button class="plain" type="submit">Sign out</button></form>""",
    )


def stopped_panel_page(message: str, log: Path, start_path: str) -> HTMLResponse:
    """Return what a viewer sees of a panel that failed; `log` is the directory of its last run."""
    said = f"<pre><code>{escape(message)}</code></pre>" if message else ""
    return page(
        "The panel failed",
        f"""
<h1>The control panel failed</h1>
<p>Jobs are not affected: it only shows them. <a href="/">What runs here</a> needs no panel.</p>
{said}
<form method="post" action="{start_path}"><button type="submit">Start it again</button></form>
<p class="quiet">What it said before it ended is in <code>{escape(str(log))}</code>.</p>""",
        status=503,
    )


def missing_panel_page() -> HTMLResponse:
    """Return what a viewer sees of a server that has no marimo, which the panel is made with."""
    return page(
        "No control panel",
        """
<h1>The control panel is not installed</h1>
<p>It needs marimo beside the server. Install it there, then start the server again:</p>
<pre><code>pip install 'runyard[server]'</code></pre>
<p><a href="/">What runs here</a> can be seen without it.</p>""",
        status=503,
    )


def _section(section: WorkspaceSection) -> str:
    jobs = f"{section.job_count} job{'' if section.job_count == 1 else 's'}"
    head = f"""<h2>{escape(section.name)}</h2>\n<p class="quiet">{jobs} · <code>{escape(section.id)}</code></p>"""
    if not section.runs:
        return f"{head}\n<p>Nothing has run yet.</p>"
    rows = "\n".join(_row(run) for run in section.runs)
    return f"""{head}
<div class="scroll" tabindex="0" role="region" aria-label="Newest runs of {escape(section.name)}"><table>
<thead><tr><th scope="col">Job</th><th scope="col">Run</th><th scope="col">Status</th>
<th scope="col">Created</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>"""


def _row(run: RunLine) -> str:
    shown_at = run.when[:19].replace("T", " ") + " UTC"
    return (
        f'<tr><th scope="row"><code>{escape(run.job_ref)}</code></th><td>#{run.number}</td>'
        f'<td class="{escape(run.status)}">{escape(run.status)}</td>'
        f'<td><time datetime="{escape(run.when)}">{shown_at}</time></td></tr>'
    )


def page(title: str, body: str, status: int = 200, *, reload_seconds: int | None = None) -> HTMLResponse:
    """Return a page in the server's dress; with `reload_seconds` it asks for itself again."""
    reload, headers = "", HEADERS
    if reload_seconds is not None:
        # By a script, the only one here: browsers do not refresh an address that ends in `#/...`, as the panel's do.
        script = f"setTimeout(() => location.reload(), {1000 * reload_seconds})"
        refresh = f'<noscript><meta http-equiv="refresh" content="{reload_seconds}"></noscript>'
        reload = f"{refresh}<script>{script}</script>\n"
        policy = f"{HEADERS['content-security-policy']}; script-src {_hash_of(script)}"
        headers = {**HEADERS, "content-security-policy": policy}
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
{reload}<style>{STYLE}</style>
</head>
<body><main>
<p class="mark">runyard</p>
{body}
</main></body>
</html>
""",
        status,
        headers,
    )
