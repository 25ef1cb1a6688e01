"""The routes, one module per noun. A handler reads the request, calls the core, shows the answer: no rules."""
