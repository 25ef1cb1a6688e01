"""The Router in Python; that the address bar follows it is shown in a browser."""

from __future__ import annotations

from runyard_widgets.router import Router


def test_a_page_can_be_asked_for_again_after_the_reader_left_it() -> None:
    router = Router()
    router.go("/runs")
    router.go("/runs")
    assert [page for page in router.comm.states("goto") if page] == ["/runs", "/runs"]
