"""Everything runyard remembers, in SQLite or PostgreSQL.

`tables` is the schema, `engine` the way in, `migrations` how a schema came to be; every other module holds the
statements of one noun. Statements take a connection and say in one sentence what they do; no other package of
runyard writes SQL.
"""
