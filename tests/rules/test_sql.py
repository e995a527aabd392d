"""A statement names tables of its own app only: past an app's services nobody reads its rows."""

import ast
import re

from django.apps import apps

from tests.rules import exceptions
from tests.rules.source import APPS, PACKAGES, python_files, require_only, tree_of

WORD = re.compile(r"[a-z]+_[a-z]+")
STATEMENT = re.compile(r"\b(SELECT|FROM|JOIN|INTO|UPDATE|COPY|TABLE|TRUNCATE)\b")


def test_only_an_app_itself_names_its_tables() -> None:
    owners = {
        model._meta.db_table: model._meta.app_label
        for app in APPS
        for model in apps.get_app_config(app).get_models()
    }

    found = {
        f"{path}: {word}"
        for path in python_files(*PACKAGES)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        # The names of the API's operations look like those of tables.
        if not path.startswith("api/") or STATEMENT.search(node.value)
        for word in WORD.findall(node.value)
        if owners.get(word, path.split("/")[0]) != path.split("/")[0]
    }

    require_only(found, exceptions.FOREIGN_TABLES, "names of another app's tables")
