"""``/api/docs``: the OpenAPI document as a plain page in the look of the others.

Drawn here rather than by a viewer in the browser: no megabyte of script, no style that the content
policy would have to allow, and headings, tables and links that a screen reader understands.
"""

from functools import cache
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

_REFERENCE: Final = "#/components/schemas/"
_JSON: Final = "application/json"


class Part(msgspec.Struct, frozen=True):
    """A piece of a type's description; one that names a shape leads to it."""

    text: str
    shape: str = ""


class Field(msgspec.Struct, frozen=True):
    """A parameter, or a field of a shape."""

    name: str
    place: str
    kind: list[Part]
    is_required: bool
    notes: str


class Operation(msgspec.Struct, frozen=True):
    """A method of a path."""

    anchor: str
    method: str
    path: str
    summary: str
    is_public: bool
    parameters: list[Field]
    body: list[Part]
    answer: list[Part]


class Shape(msgspec.Struct, frozen=True):
    """A named structure of requests and answers."""

    name: str
    description: str
    fields: list[Field]


class Document(msgspec.Struct, frozen=True):
    """All that the page shows: operations by tag, and the shapes they speak of."""

    groups: list[tuple[str, list[Operation]]]
    shapes: list[Shape]


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the document."""
    context = {"document": document(), "origin": request.build_absolute_uri("/").rstrip("/")}
    return render(request, "api_docs.html", context)


@cache
def document() -> Document:
    """Return the document as the page shows it; it is the same as long as the process lives."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    groups: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            shown = _operation(path, method, operation)
            groups.setdefault(operation["tags"][0], []).append(shown)
    shapes = [_shape(name, shape) for name, shape in schema["components"]["schemas"].items()]
    return Document(groups=sorted(groups.items()), shapes=shapes)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Operation:
    # A file has a type of its own, or several.
    success = next(iter(operation["responses"]["200"]["content"].values()))["schema"]
    body = operation.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema")
    # What a view's docstring says stands as the description, what the edge says as the summary.
    summary = operation.get("summary") or " ".join(operation.get("description", "").split())
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=summary,
        is_public=not operation.get("security"),
        parameters=[_parameter(one) for one in operation.get("parameters", [])],
        body=_parts(body) if body else [],
        answer=_parts(success.get("properties", {}).get("data", success)),
    )


def _parameter(parameter: dict[str, Any]) -> Field:
    schema = parameter["schema"]
    return Field(
        name=parameter["name"],
        place=parameter["in"],
        kind=_parts(schema),
        is_required=parameter.get("required", False),
        notes=_notes({**schema, **{k: v for k, v in parameter.items() if k == "description"}}),
    )


def _shape(name: str, schema: dict[str, Any]) -> Shape:
    required = set(schema.get("required", []))
    fields = [
        Field(one, "", _parts(of), is_required=one in required, notes=_notes(of))
        for one, of in schema.get("properties", {}).items()
    ]
    return Shape(name=name, description=schema.get("description", ""), fields=fields)


def _parts(schema: dict[str, Any]) -> list[Part]:
    """Return what values a schema allows, in words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCE)
        return [Part(name, shape=name)]
    if "anyOf" in schema:
        parts: list[Part] = []
        for option in schema["anyOf"]:
            parts += [Part(" or "), *_parts(option)] if parts else _parts(option)
        return parts
    if "enum" in schema:
        return [Part(", ".join(str(value) for value in schema["enum"]))]
    kind = schema.get("type", "any")
    if kind == "array":
        if "prefixItems" in schema:
            return [Part(f"list of {len(schema['prefixItems'])}")]
        return [Part("list of "), *_parts(schema.get("items") or {})]
    return [Part(" or ".join(kind) if isinstance(kind, list) else str(kind))]


def _notes(schema: dict[str, Any]) -> str:
    """Return description, bounds, default and an example, as far as they are given."""
    described = [schema, *schema.get("anyOf", [])]
    notes = [str(one["description"]) for one in described if one.get("description")]
    for name, words in (("minimum", "At least"), ("maximum", "At most"), ("default", "Default")):
        if schema.get(name) is not None:
            notes.append(f"{words} {schema[name]}.")
    examples = [one["examples"][0] for one in described if one.get("examples")]
    if examples:
        notes.append(f"Such as {examples[0]}.")
    return " ".join(notes)
