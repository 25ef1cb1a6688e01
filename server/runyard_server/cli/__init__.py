"""The command line: one module per noun, each of its commands parses, calls the client, prints.

`app` is the table of contents, `arguments` what is rewritten before parsing, `session` what every command
shares, `output` how things look, `exits` which error ends with which code.
"""

from runyard_server.cli.app import main

__all__ = ["main"]
