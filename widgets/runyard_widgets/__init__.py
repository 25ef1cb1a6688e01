"""Widgets that show jobs and runs in any notebook. They are fed and draw; they never fetch. See `feeds`."""
