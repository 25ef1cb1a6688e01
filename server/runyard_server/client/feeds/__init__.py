"""What feeds the widgets: the log of a run, runs, and jobs, from a server through the kernel.

`log` and `state` hold the feeds, `late` what stands in for one that could not be made, `rows` how runs and jobs look
in frames. The protocol is `runyard_widgets.feeds`, the streams are `client.streaming`.
"""

from runyard_server.client.feeds.late import feed_of
from runyard_server.client.feeds.log import LogFeed
from runyard_server.client.feeds.state import JobsFeed, RunsFeed

__all__ = ["JobsFeed", "LogFeed", "RunsFeed", "feed_of"]
