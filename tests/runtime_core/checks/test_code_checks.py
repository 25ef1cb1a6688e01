"""What the checks find in the code of a workspace, and what they leave alone."""

from __future__ import annotations

from textwrap import dedent

import pytest

from runyard.core.checks import at_import, dev_mode, imports, leaked_secrets, main_guard, naive_times
from runyard.core.checks.finding import Finding, Severity, Source, parse


def source(text: str, path: str = "etl.py") -> Source:
    parsed = parse(path, "etl", dedent(text).encode())
    assert isinstance(parsed, Source)
    return parsed


def lines(found: list[Finding]) -> list[int | None]:
    return [finding.line for finding in found]


# SPEC: TRB-07
@pytest.mark.parametrize(
    "text",
    [
        "def load():\n    print(1)\n",
        '"""Docs."""\nimport logging\nlog = logging.getLogger("a")\nlogging.basicConfig()\ndef load(): ...\n',
        "import dlt\npipeline = dlt.pipeline('a')\nasync def load(): pipeline.run([1])\n",
        "if TYPE_CHECKING:\n    import_it()\ndef load(): ...\n",
    ],
)
def test_a_script_that_only_defines_functions_is_found(text: str) -> None:
    finding = main_guard.check(source(text))
    assert finding is not None
    assert finding.code == "RY2001"
    assert "load()" in finding.remedy


# SPEC: TRB-07
@pytest.mark.parametrize(
    "text",
    [
        "def load(): ...\nload()\n",
        'def load(): ...\nif __name__ == "__main__":\n    load()\n',
        "import sys\ndef main(): ...\nsys.exit(main())\n",
        "import dlt\ninfo = dlt.pipeline('a').run([1])\ndef f(): ...\n",
        "def load(): ...\nresult = load()\n",
        "def load(): ...\nfor day in days:\n    load(day)\n",
        "with connection() as c:\n    c.execute('x')\ndef f(): ...\n",
        "X = 1\n",
        "import duckdb\ndb = duckdb.connect()\nmade = db.execute('create table t (a int)')\ndef f(): ...\n",
    ],
)
def test_a_script_that_does_something_is_left_alone(text: str) -> None:
    assert main_guard.check(source(text)) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import dlt\ndlt.pipeline('a').run([1])\n", 2),
        ("import dlt\np = dlt.pipeline('a')\ninfo = p.run([1])\n", 3),
        ("import dlt as d\np = d.pipeline('a')\ndef load():\n    p.run([1])\nload()\n", 5),
        ("from dlt import pipeline\nif 1:\n    pipeline('a').extract([1])\n", 3),
    ],
)
def test_a_pipeline_that_runs_while_its_file_is_imported_is_an_error(text: str, line: int) -> None:
    (found,) = at_import.check(source(text))
    assert (found.line, found.severity) == (line, Severity.ERROR)


def test_each_place_that_runs_a_pipeline_through_functions_is_found() -> None:
    text = "import dlt\ndef a(): dlt.pipeline('a').run([1])\ndef b(): a()\nb()\na()\nb()\n"
    assert lines(list(at_import.check(source(text)))) == [4, 5, 6]


def test_functions_that_call_each_other_often_are_each_looked_at_once() -> None:
    steps = [f"def step_{n}():\n    step_{n - 1}()\n    step_{n - 1}()\n" for n in range(1, 200)]
    head = "import dlt\ndlt.pipeline('a').run([1])\ndef step_0(): ...\n"
    assert lines(list(at_import.check(source(f"{head}{''.join(steps)}step_199()\n")))) == [2]


@pytest.mark.parametrize(
    "text",
    [
        "import dlt\ndef load():\n    dlt.pipeline('a').run([1])\n",
        'import dlt\np = dlt.pipeline("a")\nif __name__ == "__main__":\n    p.run([1])\n',
        "import subprocess\nsubprocess.run(['ls'])\n",
        "import dlt, subprocess\nsubprocess.run(['ls'])\n",
        "import dlt\ndef f():\n    f()\nf()\n",
    ],
)
def test_what_runs_later_or_is_no_pipeline_is_left_alone(text: str) -> None:
    assert not list(at_import.check(source(text)))


# SPEC: TRB-08
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import dlt\ndef f():\n    dlt.pipeline('a', dev_mode=True)\n", 3),
        ("from dlt import pipeline as make\nmake('a',\n  full_refresh=True)\n", 3),
    ],
)
def test_a_pipeline_in_development_mode_is_found_at_the_argument(text: str, line: int) -> None:
    (found,) = dev_mode.check(source(text), as_script=False)
    assert found.line == line
    assert found.excerpt is not None
    assert found.column is not None
    assert found.end_column is not None
    assert found.excerpt[found.column - 1 : found.end_column - 1] in ("dev_mode=True", "full_refresh=True")


# SPEC: TRB-08
def test_what_only_the_script_does_counts_if_it_is_deployed_as_one() -> None:
    text = 'import dlt\nif __name__ == "__main__":\n    dlt.pipeline("a", dev_mode=True)\n'
    assert not list(dev_mode.check(source(text), as_script=False))
    assert lines(list(dev_mode.check(source(text), as_script=True))) == [3]
    off = "import dlt\ndlt.pipeline('a', dev_mode=False)\nopen_app(dev_mode=True)\n"
    assert not list(dev_mode.check(source(off), as_script=True))


# SPEC: TRB-08
def test_development_mode_in_the_settings_of_the_server_is_found() -> None:
    text = "[pipelines]\n# dev_mode = true\ndev_mode = true # for now\n"
    assert lines(list(dev_mode.check_settings(".dlt/config.toml", text))) == [3]


@pytest.mark.parametrize(
    "expression",
    [
        "datetime.utcnow()",
        "datetime.now()",
        "datetime.today()",
        "datetime(2026, 1, 1)",
        "datetime.fromtimestamp(0)",
        "datetime.now().replace(hour=0)",
        "datetime.now(tz=None) if 0 else datetime.now()",
    ],
)
def test_a_time_without_a_zone_that_meets_a_window_is_found(expression: str) -> None:
    text = f"""
    from datetime import datetime

    def load(run_context):
        return {expression} > run_context["interval_end"]
    """
    (found,) = naive_times.check(source(text))
    assert found.code == "RY2005"
    assert "UTC" in found.remedy


@pytest.mark.parametrize(
    "expression",
    [
        "datetime.now(UTC)",
        "datetime.now(tz=UTC)",
        "datetime(2026, 1, 1, tzinfo=UTC)",
        "datetime(2026, 1, 1, 0, 0, 0, 0, UTC)",
        "datetime(2026, 1, 1).astimezone()",
        "datetime(2026, 1, 1).replace(tzinfo=UTC)",
        "datetime(*parts)",
        "datetime.fromisoformat('x')",
    ],
)
def test_a_time_with_a_zone_is_left_alone(expression: str) -> None:
    text = (
        f"from datetime import UTC, datetime\ndef f(interval_end):\n    return {expression} > interval_end\n"
    )
    assert not list(naive_times.check(source(text)))


def test_only_times_that_meet_windows_count_and_utcnow_always() -> None:
    text = """
    import datetime as dt
    from runyard import run

    STARTED = dt.datetime(2026, 1, 1)

    @run.job(interval={"start": dt.datetime(2026, 1, 1)})
    def load(run_context):
        print(run_context["interval_start"])

    def stamp():
        return f"{dt.datetime.now():%Y}", dt.datetime.utcnow()
    """
    assert lines(list(naive_times.check(source(text)))) == [12]


def test_names_of_incremental_loading_mean_windows_only_beside_dlt() -> None:
    text = "import datetime as dt\ndef f(initial_value):\n    return dt.datetime.now()\n"
    assert not list(naive_times.check(source(text)))
    assert lines(list(naive_times.check(source(f"import dlt\n{text}")))) == [4]


SECRETS = {
    "A private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "An AWS access key": "AKIA" + "Q7ZX2M4NPL6KD3WE",
    "A Google API key": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "An Azure storage key": "AccountKey=" + "aB3" * 28 + "==",
    "A GitHub token": "ghp_" + "a1B2c3D4e5" * 4,
    "A GitLab token": "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "A Slack token": "xoxb-" + "123456789012-abcdef",
    "A Stripe key": "sk_live_" + "a1B2c3D4e5F6g7H8i9J0k1",
    "An Anthropic key": "sk-ant-" + "a1B2c3D4e5F6g7H8i9J0",
    "An OpenAI key": "sk-proj-" + "a1B2c3D4e5" * 5,
    "A Hugging Face token": "hf_" + "a1B2c3D4e5" * 3,
    "A Databricks token": "dapi" + "0123456789abcdef" * 2,
    "A PyPI token": "pypi-" + "AgE" + "a1B2c3D4e5" * 5,
    "An npm token": "npm_" + "a1B2c3D4e5F6" * 3,
    "A SendGrid key": "SG." + "a" * 22 + "." + "b" * 43,
    "A runyard or dltHub key": "dlt_u_" + "a1B2c3D4e5F6g7H8i9J0",
    "A signed web token": "eyJ" + "hbGciOiJIUzI1" + ".eyJ" + "zdWIiOiIxMjM0" + "." + "a1B2c3D4e5" * 3,
    "A password in an address": "://loader:" + "s3cr3tPW@",
}
"""By kind, written in two parts, so that who looks for secrets in this repository is not alarmed."""


def test_every_form_of_a_secret_has_an_example() -> None:
    assert list(SECRETS) == [kind for kind, _ in leaked_secrets.FORMS]


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_in_code_is_named_by_its_kind_and_never_shown(kind: str) -> None:
    text = f'VALUE = "{SECRETS[kind]}"\n'
    leaks = leaked_secrets.find(text)
    (found,) = leaked_secrets.findings("a.py", text, leaks)
    assert found.cause == f"{kind} is written here."
    assert (found.line, found.column) == (1, text.index(SECRETS[kind]) + 1)
    assert SECRETS[kind] not in repr((found, leaks))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('password = "kX9-vQ2mLp7z"', 1),
        ('connect(api_key="9f8e7d6c5b4a3f2e1d0c")', 1),
        ('os.environ["DB_PASSWORD"] = "kX9-vQ2mLp7z"', 1),
        ('{"auth_token": "9f8e7d6c5b4a3f2e1d0c"}', 1),
        ('self.client_secret: str = "9f8e7d6c5b4a3f2e1d0c"', 1),
        ('password = "changeme"', 0),
        ('password = dlt.secrets["destination.password"]', 0),
        ('api_key = "sources.github.api_key"', 0),
        ('token = "GITHUB_TOKEN_2"', 0),
        ('secret = "{{ vault.password1 }}"', 0),
        ('password_hint = "kX9-vQ2mLp7z"', 0),
        ('token_url = "https://login.example.com/v2/x9"', 0),
        ('token = "https://login.example.com/v2/x9"', 0),
        ('password = "aaaaaaaaaaaa1"', 0),
        ('url = "postgresql://loader:loader@localhost/dev"', 0),
        ('url = "postgresql://{user}:{password}@db.example.com/x"', 0),
        ('url = "https://user@example.com/a:b"', 0),
        ('url = "https://user:a%20secret@www.example.com/x"', 0),
        ('url = "https://user:a%20secret@myexample.com/x"', 1),
        ('url = "https://user:a%20secret@db.example.org:5432/x"', 0),
        ('"""Such as https://user:a%20secret@example.com."""', 0),
        ('url = "https://user:a%20secret@example.com.evil.org/x"', 1),
        ('url = "https://user:a%20secret@example.com-evil.org/x"', 1),
        ('url = "https://user:a%20secret@example.community/x"', 1),
        ('url = "postgres://bob:pa[ssw0rd9@db.acme.io/x"', 1),
        ('url = "postgres://bob:pa]ss[w0rd9@db.acme.io/x"', 1),
        ('url = "postgres://bob:[passw0rd9@db.acme.io/x"', 1),
        ('url = "postgres://bob:passw0rd9]@db.acme.io/x"', 1),
        ('"""Such as postgres://[user]:[password]@db.acme.io/x."""', 0),
        ('"""Such as postgres://user:[your-password]@db.acme.io/x."""', 0),
        ('"""Such as postgres://[user[:password]@]host.acme.io/x."""', 0),
        ('said = re.sub(r"://[^:]+:[^:]+@", "://***:***@", said)', 0),
        ('said = re.sub(r"://(.+):([^:]+)@", hidden, said)', 0),
        ('"""Such as postgresql://username:password@host:port/database."""', 0),
    ],
)
def test_values_are_secrets_if_their_name_says_so_and_they_look_random(text: str, count: int) -> None:
    assert len(leaked_secrets.find(text, source(text))) == count


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_count_however_they_end(end: str) -> None:
    parsed = parse("a.py", "a", f'x = 1{end}y = 2{end}password = "kX9-vQ2mLp7z"{end}'.encode())
    assert isinstance(parsed, Source)
    (found,) = leaked_secrets.findings("a.py", parsed.text, leaked_secrets.find(parsed.text, parsed))
    assert (found.line, found.excerpt) == (3, 'password = "•••"')


@pytest.mark.parametrize(
    ("content", "excerpt"),
    [
        ("# coding: latin-1\ndef löse(): ...\n".encode("latin-1"), "def löse(): ..."),
        ("\ndef \ufb01le(): ...\n".encode(), "def \ufb01le(): ..."),
        (b"\ndef \\\n load(): ...\n", "def \\"),
        (b"\xef\xbb\xbf\ndef load(): ...\n", "def load(): ..."),
    ],
)
def test_a_function_is_found_however_its_file_is_written(content: bytes, excerpt: str) -> None:
    parsed = parse("a.py", "a", content)
    assert isinstance(parsed, Source)
    found = main_guard.check(parsed)
    assert found is not None
    assert (found.line, found.excerpt) == (2, excerpt)


def test_a_line_can_silence_one_finding_and_no_other() -> None:
    text = "import dlt\ndlt.pipeline('a', dev_mode=True)  # runyard: ignore[{}]\n"
    (found,) = dev_mode.check(source(text.format("RY2001, RY2003")), as_script=False)
    assert found.is_silenced
    (found,) = dev_mode.check(source(text.format("RY2001")), as_script=False)
    assert not found.is_silenced


@pytest.mark.parametrize(
    ("content", "severity", "line"),
    [
        (b"x = 1\ndef f(:\n", Severity.ERROR, 2),
        (b"x = '\n", Severity.ERROR, 1),
        (b"x = 1\0", None, None),
        (b"(" * 5000, None, None),
        (b"# -*- coding: nothing -*-\n", Severity.ERROR, None),
        (b"\xff\xfe", None, None),
    ],
)
def test_what_is_no_python_is_a_finding(content: bytes, severity: Severity | None, line: int | None) -> None:
    found = parse("a.py", "a", content)
    assert isinstance(found, Finding)
    assert found.code == "RY2000"
    assert severity in (None, found.severity)
    assert line in (None, found.line)


def test_columns_count_characters_not_bytes() -> None:
    text = "import dlt\nx = 'é'; dlt.pipeline('ü', dev_mode=True)\n"
    (found,) = dev_mode.check(source(text), as_script=False)
    assert found.column == text.split("\n")[1].index("dev_mode") + 1


def test_imports_are_found_in_every_block_and_expressions_may_be_deep() -> None:
    text = """
    import a
    try: import skipped
    except ImportError: import b
    match a:
        case 1: import c
    with suppress(ImportError): import skipped
    class D:
        from d import e as f
    async def g():
        import later
    if __name__ == "__main__": import later
    """
    deep = "x = " + " + ".join(["1"] * 2500) + "\n"
    made = list(imports.imports_of(source(dedent(text) + deep)))
    assert [one.top for one in made if one.is_certain] == ["a", "b", "c", "d"]
    assert [one.top for one in made if not one.is_certain] == ["later", "later"]
    main_guard.check(source(deep))
    assert not list(at_import.check(source(f"import dlt\n{deep}")))
    assert not list(naive_times.check(source(f"import datetime\n{deep}")))


ON_OTHERS = """
import sys, sys as s, platform as p
from sys import version_info as version
from platform import system
from settings import platform, target
"""


@pytest.mark.parametrize(
    "test",
    [
        "sys.version_info >= (3, 12)",
        "s.platform == 'win32' and target",
        "p.machine() == 'arm64'",
        "version[0] > 3",
        "system() == 'Darwin'",
    ],
)
def test_what_another_python_or_system_imports_is_told_apart(test: str) -> None:
    text = f"{ON_OTHERS}if {test}:\n  import a\n  def f(): import b\nelse:\n  import c\nimport d\n"
    made = {one.top: one for one in imports.imports_of(source(text))}
    assert [top for top, one in made.items() if one.is_for_others] == ["a", "b", "c"]
    assert not made["b"].is_certain


@pytest.mark.parametrize(
    "test", ["settings.platform == 'x'", "platform == 'x'", "target.version_info", "self.platform", "os.name"]
)
def test_a_platform_of_ones_own_says_nothing_about_pythons(test: str) -> None:
    text = f"{ON_OTHERS}import settings\nif {test}: import a\nelse: import b\n"
    made = list(imports.imports_of(source(text)))
    assert {"a", "b"} <= {one.top for one in made if one.is_certain}
    assert not any(one.is_for_others for one in made)


def test_only_the_direct_counterpart_of_a_question_about_pythons_is_for_others() -> None:
    text = "import sys\nif sys.platform == 'x': import a\nelif target: import b\nelse: import c\n"
    made = {one.top: one.is_for_others for one in imports.imports_of(source(text))}
    assert made == {"sys": False, "a": True, "b": False, "c": False}
