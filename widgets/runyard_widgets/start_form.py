"""A form that starts a job by hand: a field for each of its inputs, and a box for what has none. It starts nothing."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from .live_widget import end_with_comm, static


class StartForm(anywidget.AnyWidget):
    """Keeps what is typed in the browser and here; who made it observes `given` and starts the job.

    It lives as long as its page is open, and no redrawing of what is around it throws away what was typed.
    """

    _esm = static("start_form.js")
    _css = static("start_form.css")

    fields = traitlets.List(traitlets.Dict()).tag(sync=True)
    """`{"name", "kind", "about", "default", "choices", "required"}` each. `kind` is text, secret, integer, number,
    structure, date, instant, checkbox or choice; `choices` are `{"label", "value"}`. A default is shown, not given."""
    says = traitlets.Dict().tag(sync=True)
    """Its words: "start", "intro", "required", "unchosen", "settings", "settings_hint", "more"."""
    why_not = traitlets.Unicode("").tag(sync=True)
    """Why this viewer cannot start the job; empty if they can."""
    given = traitlets.Dict().tag(sync=True)
    """From the browser: `{"values", "incomplete", "settings", "presses"}`, the fields that were touched by name, the
    names of those that hold no whole value, the text of the box, and how often the button was pressed."""
    problem = traitlets.Dict().tag(sync=True)
    """To the browser: `{"name", "text", "n"}`, what is wrong with a field, of the box if it has no such name."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._is_closed = False
        end_with_comm(self)

    def close(self) -> None:
        """End the comm, and the registry's hold on this widget and its layout."""
        if not self._is_closed:
            self._is_closed = True
            self.layout.close()
            super().close()

    def complain(self, name: str, text: str) -> None:
        """Say what is wrong at a field, and lead there."""
        self.problem = {"name": name, "text": text, "n": self.problem.get("n", 0) + 1}
