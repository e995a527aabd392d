"""Write ``frontend/src/link/types.ts``: those of the API's shapes that the front end imports.

``python scripts/api_types.py`` writes the file; with ``--check`` it only compares, and ends with 1
where the file is not what the document says. ``make lint`` checks, ``make types`` writes.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = PROJECT / "frontend/src"
TYPES: Final = SOURCES / "link/types.ts"
HEAD: Final = """\
/**
 * Shapes of the v1 API that are imported here (docs: /api/docs). Decimals are strings.
 *
 * Written by scripts/api_types.py from the OpenAPI document: change that and run `make types`.
 */
"""
WIDTH: Final = 100
SCALARS: Final = {"string": "string", "integer": "number", "number": "number", "null": "null"}

IMPORT: Final = re.compile(r'import type \{([^}]+)\} from "[./]+(?:link/)?types\.ts"')
REFERENCE: Final = re.compile(r'"#/components/schemas/(\w+)"')

Schema = dict[str, Any]


def openapi_document() -> dict[str, Any]:
    """Return the API's own document; no server is asked."""
    done = subprocess.run(
        [sys.executable, "manage.py", "spectacular", "--format", "openapi-json"],
        cwd=PROJECT,
        # No secret is needed; without one given, settings would make a home to keep one in.
        env={"SECRET_KEY": "unused", **os.environ},
        check=True,
        stdout=subprocess.PIPE,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def imported() -> set[str]:
    """Return the names of the shapes that the front end's sources import."""
    lists = (found for path in SOURCES.rglob("*.ts") for found in IMPORT.findall(path.read_text()))
    return {name.strip() for names in lists for name in names.split(",") if name.strip()}


def typescript(document: dict[str, Any], wanted: set[str]) -> str:
    """Return the shapes of these names, and what they are made of, as TypeScript.

    In the document's order. Raises ValueError for a schema that it has no words for.
    """
    shapes = document["components"]["schemas"]
    needed, ahead = set[str](), list(wanted & shapes.keys())
    while ahead:
        name = ahead.pop()
        if name not in needed:
            needed.add(name)
            ahead += REFERENCE.findall(json.dumps(shapes[name]))
    return HEAD + "".join(_interface(name, shapes[name]) for name in shapes if name in needed)


def _interface(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    lines: list[str] = []
    for field, kind in schema["properties"].items():
        mark = "" if field in required else "?"
        lines += _field(f"{field}{mark}", kind)
    comment = f"/** {schema['description']} */\n" if "description" in schema else ""
    return f"\n{comment}export interface {name} {{\n" + "".join(lines) + "}\n"


def _field(name: str, schema: Schema) -> Iterator[str]:
    """Yield a field's lines; a union that does not fit in one is written a member a line."""
    members = list(dict.fromkeys(_members(schema)))
    line = f"  {name}: {' | '.join(members)};\n"
    if len(line) <= WIDTH + 1:
        yield line
        return
    yield f"  {name}:\n"
    for number, member in enumerate(members, 1):
        yield f"    | {member}{';' if number == len(members) else ''}\n"


def _members(schema: Schema) -> Iterator[str]:
    """Yield the members of a schema's union, one for a plain type."""
    if "$ref" in schema:
        yield schema["$ref"].rsplit("/", 1)[1]
    elif "enum" in schema:
        yield from (json.dumps(value) for value in schema["enum"])
    elif "anyOf" in schema:
        for member in schema["anyOf"]:
            yield from _members(member)
    elif "prefixItems" in schema:
        yield f"[{', '.join(_type(item) for item in schema['prefixItems'])}]"
    elif schema.get("type") == "array":
        item = _type(schema["items"])
        yield f"({item})[]" if " | " in item else f"{item}[]"
    elif schema.get("type") == "object":
        values = schema.get("additionalProperties", {})
        yield f"Record<string, {_type(values) if values else 'unknown'}>"
    elif schema.get("type") in {"boolean", *SCALARS}:
        yield SCALARS.get(schema["type"], "boolean")
    else:
        raise ValueError(f"no TypeScript for {schema}")


def _type(schema: Schema) -> str:
    return " | ".join(dict.fromkeys(_members(schema)))


def main(arguments: list[str]) -> str | None:
    """Write the file, or compare it (``--check``); return what is wrong, if anything."""
    text = typescript(openapi_document(), imported())
    if "--check" not in arguments:
        TYPES.write_text(text)
    elif not TYPES.exists() or TYPES.read_text() != text:
        return f"{TYPES.relative_to(PROJECT)} is not what the API says: run make types"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
