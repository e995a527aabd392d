"""Backups of the database by PostgreSQL's own programs: base backups, the WAL archive, recovery.

``sealing`` encrypts, ``store`` says where things lie, ``archive`` is what PostgreSQL calls for each
WAL file, ``making`` and ``checking`` take and prove backups, ``retention`` says which may go,
``recovery`` brings one back beside, ``restoring`` and ``drill`` make something of that. What asks
the tables is in ``beyond`` and ``holding``; nothing else here imports Django.
"""
