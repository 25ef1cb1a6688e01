"""Drawings of 16 by 16 units: what stands between `<svg>` and `</svg>`. Ours, so nothing is fetched for them."""

from __future__ import annotations

from collections.abc import Mapping

ICONS: Mapping[str, str] = {
    # Pages.
    "overview": '<path d="M2 13.5h12M4 11V7m4 4V3m4 8V5.5"/>',
    "jobs": '<circle cx="3.5" cy="8" r="1.8"/><circle cx="12.5" cy="3.5" r="1.8"/><circle cx="12.5" cy="12.5" r="1.8"/>'
    '<path d="M5.2 7.2l5.5-2.9M5.2 8.8l5.5 2.9"/>',
    "runs": '<path d="M2 4h8M5 8h9M3 12h6"/>',
    "links": '<path d="M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.2-2.2A2.6 2.6 0 0 0 9 3.3l-.8.8M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.3 9'
    'A2.6 2.6 0 0 0 7 12.7l.8-.8"/>',
    # Statuses: told apart by shape, not by colour.
    "pending": '<circle cx="8" cy="8" r="5" stroke-dasharray="2 2.6"/>',
    "starting": '<circle cx="8" cy="8" r="5"/><path d="M8 5v3"/>',
    "running": '<circle cx="8" cy="8" r="5"/><path d="M6.8 6v4l3-2z" fill="currentColor" stroke="none"/>',
    "cancelling": '<circle cx="8" cy="8" r="5"/><path d="M6.3 6.3h3.4v3.4H6.3z" fill="currentColor" stroke="none"/>',
    "completed": '<path d="M3.5 8.5l3 3 6-7"/>',
    "failed": '<path d="M4 4l8 8M12 4l-8 8"/>',
    "cancelled": '<circle cx="8" cy="8" r="5"/><path d="M4.6 4.6l6.8 6.8"/>',
    # What can be done.
    "down": '<path d="M4 6.5l4 4 4-4"/>',
    "open": '<path d="M6 3H3v10h10v-3M9 3h4v4M13 3L7.5 8.5"/>',
    "user": '<circle cx="8" cy="5.5" r="2.5"/><path d="M3 13.5c.6-2.6 2.5-4 5-4s4.4 1.4 5 4"/>',
}
