"""What is a service: found in the modules, not listed."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import accounts
import accounts.services
import marketdata.alerts.services
import matching.fees.services
import matching.moving
import matching.orders.services
import matching.services

# Rooms of accounts in which services live; the others are edges, tables, and the trail itself.
ROOMS = ("approvals", "keys", "liabilities", "money", "people", "privacy", "reports", "status")
ABOVE_ACCOUNTS = (
    marketdata.alerts.services,
    matching.services,
    matching.moving,
    matching.orders.services,
    matching.fees.services,
)


def services() -> dict[str, Callable[..., object]]:
    """Return every public service by its name."""
    found = {name: getattr(accounts.services, name) for name in accounts.services.__all__}
    for module in ABOVE_ACCOUNTS:
        found |= {name: one for name, one in vars(module).items() if _is_public(module, name)}
    return {name: one for name, one in found.items() if inspect.isfunction(one)}


def durable_in_rooms() -> dict[str, str]:
    """Return the module of every public durable transaction that is written in a room."""
    found = {}
    for module in _modules():
        for name, node in _functions(module).items():
            if not name.startswith("_") and _durability(node):
                found[name] = module.__name__
    return found


def is_durable(service: Callable[..., object]) -> bool:
    """Return whether a service is one atomic transaction that commits when it returns."""
    module = inspect.getmodule(service)
    assert module is not None
    return _durability(_functions(module)[service.__name__])


def _modules() -> Iterator[ModuleType]:
    for room in ROOMS:
        package = importlib.import_module(f"accounts.{room}")
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def _functions(module: ModuleType) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(Path(str(module.__file__)).read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _durability(node: ast.FunctionDef) -> bool:
    return "transaction.atomic(durable=True)" in map(ast.unparse, node.decorator_list)


def _is_public(module: ModuleType, name: str) -> bool:
    one = getattr(module, name)
    return not name.startswith("_") and getattr(one, "__module__", "") == module.__name__
