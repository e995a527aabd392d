"""The tables are those of the models: no change of a model goes without its migration."""

from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState


def test_migrations_say_what_the_models_say() -> None:
    # Without a connection: the files alone are compared.
    written = MigrationLoader(None).project_state()

    changes = MigrationAutodetector(written, ProjectState.from_apps(apps)).changes(
        MigrationLoader(None).graph
    )

    assert {app: [str(change) for change in found] for app, found in changes.items()} == {}


def test_migrations_have_one_end() -> None:
    assert MigrationLoader(None).detect_conflicts() == {}
