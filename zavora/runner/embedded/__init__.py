"""PostgreSQL and Valkey as pip brings them: the same servers as in production, on this machine.

``discovery`` finds those that run, ``postgres`` and ``valkey`` say how to start one, ``servers``
starts both for as long as somebody needs them. Nothing here imports Django.
"""
