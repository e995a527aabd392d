"""What growing beyond one PostgreSQL would take, simulated: docs/growing.md, ADR 45.

``protocol`` moves money between cells through clearing accounts and is tried in every order of
messages and crashes (``exploring``), beside protocols that lose money (``naive``). ``capacity``
computes sizes and numbers of processes from measured costs (``costs``), ``validation`` holds that
against a real exchange.
"""
