"""A form that starts a job by hand: a field for each of its inputs, and a box for what has none. It starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import traitlets

from .live_widget import end_with_comm, static


class StartForm(anywidget.AnyWidget):
    """Keeps what is typed in the browser and here.

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
    """From the browser: `{"values", "incomplete", "settings"}`. The values are of fields that were touched, by name;
    incomplete are the names of those that hold no whole value; settings is the text of the box."""
    problem = traitlets.Dict().tag(sync=True)
    """To the browser: `{"name", "text", "n"}`, what is wrong with a field, of the box if it has no such name."""

    def __init__(self, pressed: Callable[[Mapping[str, Any]], None], **traits: Any) -> None:
        """`pressed` hears of each press of the button what was `given` by then."""
        super().__init__(**traits)
        self._pressed = pressed
        self.on_msg(self._receive)
        self._is_closed = False
        end_with_comm(self)

    def _receive(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        if message.get("kind") == "start":
            self._pressed(message["given"])

    def close(self) -> None:
        """End the comm, and the registry's hold on this widget and its layout."""
        if not self._is_closed:
            self._is_closed = True
            self.layout.close()
            super().close()

    def complain(self, name: str, text: str) -> None:
        """Say what is wrong at a field, and lead there."""
        self.problem = {"name": name, "text": text, "n": self.problem.get("n", 0) + 1}
