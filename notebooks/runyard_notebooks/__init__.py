"""Notebooks that come with runyard: the control panel. They speak to the server through its client."""
