"""What Python runs first in every process of a job: it lets `from dlt.hub import run` work with open packages alone.

Without the closed package `dlthub`, `dlt.hub` refuses every attribute, also its own open submodule `run`, unless that
has been imported by its full name before. So `run` is imported when `dlt.hub` is asked for it: nothing else of dlt
changes, an installed `dlthub` is left alone, and a job without dlt pays for this file only. `sdk.python_path` puts
the folder on the path, which processes that the job starts inherit. Source: CMP-08.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

HUB = "dlt.hub"
RUN = "run"


class HubFinder:
    """Finds `dlt.hub` where the other finders do, and completes it when it has been imported.

    It stays for every question, as who asks need not be who imports.
    """

    _is_asking = False
    """The others are being asked, one of whom may ask all of us in turn."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != HUB or cls._is_asking:
            return None
        cls._is_asking = True
        try:
            found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
            spec = next(filter(None, found), None)
        finally:
            cls._is_asking = False
        loader: Any = spec and spec.loader
        if loader is not None:  # a folder of that name is a package without one
            execute = loader.exec_module

            def execute_and_complete(hub: ModuleType) -> None:
                execute(hub)
                complete(hub)

            loader.exec_module = execute_and_complete
        return spec


def complete(hub: ModuleType) -> None:
    """Let `dlt.hub` import its submodule `run` when it is asked for it, unless `dlthub` is there to do so."""
    if getattr(hub, "__found__", True):
        return
    refuse = vars(hub)["__getattr__"]

    def __getattr__(name: str) -> Any:  # noqa: N807 - what a module is asked with
        if name != RUN:
            return refuse(name)
        __import__(f"{HUB}.{RUN}")
        return sys.modules[f"{HUB}.{RUN}"]

    vars(hub)["__getattr__"] = __getattr__


def give_way() -> None:
    """Run the `sitecustomize` of the environment, which this one hides.

    Without one this fails as Python expects of an environment that has none, and nobody hears of it.
    """
    sys.path.remove(__file__.rpartition("/")[0])
    del sys.modules[__name__]
    __import__(__name__)


sys.meta_path.insert(0, HubFinder)
give_way()
