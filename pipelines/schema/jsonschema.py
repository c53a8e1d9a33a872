"""A catalogue -> JSON Schema, for editors: completion, help and faults while one types."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pipelines.core.attribute_docs import describe
from pipelines.core.stage import Params, Port, Stage
from pipelines.schema.schema import NAME, Block, File, Resources
from pipelines.schema.type_lookup import kinds_at

_REFERENCE = {"type": "string", "description": "stage, stage.port or stage@axis=value"}
_SUBSTITUTED = {"type": "string", "pattern": r"\$"}


def schema(stages: Mapping[str, Stage[..., Any]]) -> dict[str, Any]:
    """JSON Schema of a pipeline file that uses these stage types."""
    file, definitions = _model(File, "file")
    block, shapes = _model(Block, "stage")
    resources, _ = _model(Resources, "resources")
    block["properties"]["resources"] = _loose(resources)
    block["properties"]["uses"]["enum"] = list(stages)
    definitions |= shapes
    cases = []
    for name, kind in stages.items():
        case, inner = _case(name, kind)
        cases.append(case)
        definitions |= inner
    file["properties"]["stages"] = {
        "type": "object",
        "description": describe(File)["stages"],
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {"$ref": "#/$defs/stage"},
    }
    definitions["stage"] = {**block, "allOf": cases}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **file,
        "$defs": definitions,
    }


def _case(name: str, kind: Stage[..., Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a block holds if it uses this type, and the definitions that this needs."""
    params, definitions = _model(kind.params, name)
    ports = {port.name: _port(port) for port in kind.inputs.values()}
    required = [port.name for port in kind.inputs.values() if not port.optional]
    inputs = {
        "type": "object",
        "properties": ports,
        "required": required,
        "additionalProperties": False,
    }
    then: dict[str, Any] = {
        "description": kind.summary,
        "properties": {"with": _loose(params), "from": inputs},
    }
    if required:
        then["required"] = ["from"]
    case = {
        "if": {"properties": {"uses": {"const": name}}, "required": ["uses"]},
        "then": then,
    }
    return case, definitions


def _port(port: Port) -> dict[str, Any]:
    """One reference, or several: gathered by a many-valued port, else an axis."""
    several = [
        {"type": "array", "items": _REFERENCE, "minItems": 1},
        {"type": "object", "additionalProperties": _REFERENCE, "minProperties": 1},
    ]
    return {"description": str(port), "anyOf": [_REFERENCE, *several[: 1 if port.many else 2]]}


def _loose(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters of which none is required here: an axis may set it."""
    return {key: value for key, value in params.items() if key != "required"}


def _model(model: type[BaseModel], prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a model, and its definitions under names of its own."""
    found = model.model_json_schema(
        by_alias=True,
        ref_template=f"#/$defs/{prefix}.{{model}}",
        schema_generator=_Described,
    )
    definitions = found.pop("$defs", {})
    return found, {f"{prefix}.{name}": value for name, value in definitions.items()}


class _Described(GenerateJsonSchema):
    """Adds the docstrings of attributes, and lets a substitution stand for each parameter."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        kind: type[BaseModel] = schema["cls"]
        fields = {field.alias or name: name for name, field in kind.model_fields.items()}
        texts = describe(kind)
        properties = found.get("properties", {})
        for key, value in properties.items():
            if text := texts.get(fields[key]):
                value["description"] = text
            if issubclass(kind, Params | Resources) and "const" not in value:
                kept = {name: value[name] for name in ("description", "default") if name in value}
                kinds = kinds_at(kind, {key: None}, (key,))
                named = [{"enum": kinds}] if kinds else []
                properties[key] = {**kept, "anyOf": [value, *named, _SUBSTITUTED]}
        return found
