"""Write ``clients/python/src/zavora/models.py``: the shapes of the API's answers, for the client.

``python -m scripts.client_models`` writes the file from the OpenAPI document; with ``--check`` it
only compares, and ends with 1 where the file is not what the document says.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any, Final

from scripts.api_types import PROJECT, openapi_document

MODELS: Final = PROJECT / "clients/python/src/zavora/models.py"
WIDTH: Final = 100
# What nobody reads by itself: what is sent, the envelope, and what has no route.
LEFT_OUT: Final = frozenset({"Error", "Live", "Ready", "Candles", "PublicTrades"})
# Enumerations that programs compare with, by their members (``zavora/words.py``).
WORDS: Final = {
    frozenset({"Buy", "Sell"}): "Side",
    frozenset({"buy", "sell"}): "TakerSide",
    frozenset({"Limit", "Market", "Stop", "StopLimit", "TakeProfit", "TakeProfitLimit",
               "TrailingStop"}): "OrderType",
    frozenset({"Day", "FOK", "GTC", "GTD", "IOC"}): "TimeInForce",
    frozenset({"Cancelled", "Expired", "Filled", "New", "PartiallyFilled", "Pending",
               "Triggered"}): "OrderStatus",
    frozenset({"Auction", "CancelOnly", "Closed", "Continuous", "Delisted", "Halted", "PostOnly",
               "PreOpen"}): "MarketState",
    frozenset({"Auction", "Maker", "Taker"}): "Liquidity",
    frozenset({"Maker", "Taker"}): "Liquidity",
    frozenset({"Both", "Decrement", "Maker", "None", "Taker", "Transfer"}): "SelfTradePrevention",
    frozenset({"OCO", "OTO", "OTOCO"}): "ListKind",
}  # fmt: skip
# What tells figures and times from other text: the document gives an example of each.
DECIMAL: Final = "20000.50"
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT")
PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool",
                "null": "None"}  # fmt: skip
# Names that Python has other uses for.
TAKEN: Final = frozenset({"from", "list"})

Schema = dict[str, Any]


def models(document: dict[str, Any]) -> str:
    """Return the module's text. Raises ValueError for a schema that it has no words for."""
    shapes = {
        name: schema
        for name, schema in document["components"]["schemas"].items()
        if name not in LEFT_OUT and not name.endswith("In")
    }
    body = "".join(_struct(name, shapes[name]) for name in _in_order(shapes))
    used = sorted({word for word in WORDS.values() if re.search(rf"\b{word}\b", body)})
    fields = ", ".join(["Struct", "field"] if "field(" in body else ["Struct"])
    names = "".join(f"    {word},\n" for word in used)
    return (
        '"""What the exchange answers. Figures are decimals, times are aware (UTC).\n\n'
        "Written by scripts/client_models.py from the OpenAPI document: change that and run"
        ' `make types`.\n"""\n\n'
        "from datetime import datetime\nfrom decimal import Decimal\nfrom typing import Any\n\n"
        f"from msgspec import {fields}\n\nfrom zavora.words import (\n{names})\n" + body
    )


def _in_order(shapes: dict[str, Schema]) -> Iterator[str]:
    """Yield names so that each comes after those it is made of."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in done or name not in shapes:
            return
        done.add(name)
        text = json.dumps(shapes[name])
        for other in re.findall(r'"#/components/schemas/(\w+)"', text):
            yield from visit(other)
        yield name

    for name in shapes:
        yield from visit(name)


def _struct(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    lines = "".join(
        _field(field, kind, is_required=field in required)
        for field, kind in schema["properties"].items()
    )
    return (
        f"\n\nclass {name}(Struct, frozen=True, kw_only=True):\n"
        f'    """{_sentences(schema["description"])}"""\n\n{lines}'
    )


def _sentences(text: str) -> str:
    first, _, rest = text.partition("\n")
    rest = "\n".join(f"    {line.strip()}" for line in rest.strip().splitlines())
    return f"{first}\n\n{rest}\n    " if rest else first


def _field(name: str, schema: Schema, *, is_required: bool) -> str:
    kinds = list(dict.fromkeys(_members(schema)))
    default = None if is_required and "None" not in kinds else _default(schema, kinds)
    python_name = f"{name}_" if name in TAKEN else name
    if python_name != name:
        given = "" if default is None else f", default={default}"
        default = f'field(name="{name}"{given})'
    line = f"    {python_name}: {' | '.join(kinds)}"
    line += "" if default is None else f" = {default}"
    remark = _remark(schema)
    if remark and len(line) + len(remark) + 4 <= WIDTH:
        return f"{line}  # {remark}\n"
    return "".join(f"    # {part}\n" for part in _wrapped(remark)) + f"{line}\n"


def _default(schema: Schema, kinds: list[str]) -> str:
    if "None" in kinds or "default" not in schema:
        return "None" if "None" in kinds else "{}"
    value = schema["default"]
    if "$ref" in schema or kinds[0] in {"Any", "dict[str, Any]"} or isinstance(value, dict):
        return f"field(default_factory={kinds[0]})" if not kinds[0].startswith("dict") else "{}"
    return json.dumps(value).replace("false", "False").replace("true", "True")


def _remark(schema: Schema) -> str:
    """Return what the document says of a field, and the words of one that has no class."""
    said = schema.get("description", "")
    said = "" if said in {"A decimal.", "RFC 3339, UTC.", "An account's UUID."} else said
    words = [
        " ".join(one["enum"])
        for one in (schema, schema.get("items", {}), *schema.get("anyOf", ()))
        if "enum" in one and frozenset(one["enum"]) not in WORDS
    ]
    return " ".join([*words, *([said] if said else [])])


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) + 7 > WIDTH:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line


def _members(schema: Schema) -> Iterator[str]:
    """Yield the members of a schema's union, one for a plain type."""
    examples = [str(example) for example in schema.get("examples", ())]
    if "$ref" in schema:
        yield schema["$ref"].rsplit("/", 1)[1]
    elif "anyOf" in schema:
        for member in schema["anyOf"]:
            yield from _members({**member, "examples": examples or member.get("examples", ())})
    elif "enum" in schema:
        yield WORDS.get(frozenset(schema["enum"]), "str")
    elif "prefixItems" in schema:
        yield f"tuple[{', '.join(_type(item) for item in schema['prefixItems'])}]"
    else:
        yield _plain(schema, examples)


def _plain(schema: Schema, examples: list[str]) -> str:
    kind = schema.get("type", "")
    if kind == "array":
        return f"list[{_type(schema['items'])}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {_type(values) if values else 'Any'}]"
    if kind == "string" and DECIMAL in examples:
        return "Decimal"
    if kind == "string" and any(TIME.match(example) for example in examples):
        return "datetime"
    if kind not in PLAIN:
        raise ValueError(f"no type for {schema}")
    return PLAIN[kind]


def _type(schema: Schema) -> str:
    return " | ".join(dict.fromkeys(_members(schema)))


def main(arguments: list[str]) -> str | None:
    """Write the file, or compare it (``--check``); return what is wrong, if anything."""
    text = models(openapi_document())
    if "--check" not in arguments:
        MODELS.write_text(text)
    elif not MODELS.exists() or MODELS.read_text() != text:
        return f"{MODELS.relative_to(PROJECT)} is not what the API says: run make types"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
