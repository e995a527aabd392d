"""Tables that are split by time: how one is, what partitions there are, what becomes of old ones.

The rules stand in functions of the database (migration ``accounts.0024``), so that every partition
is the same whoever makes it.
"""
