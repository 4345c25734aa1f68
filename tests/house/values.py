"""Values of a pydantic model: the smallest that fits, and a hypothesis strategy over all that fit."""

from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError


def minimal(kind: type[BaseModel]) -> dict[str, Any]:
    """A request with required fields only, each as small as its schema lets it be."""
    schema = kind.model_json_schema()
    required = schema.get("required", [])
    return {
        name: _smallest(schema["properties"][name], schema.get("$defs", {})) for name in required
    }


def values_of(kind: type[BaseModel]) -> st.SearchStrategy[BaseModel]:
    """Instances of a model, of any content that its JSON schema allows."""
    schema = kind.model_json_schema()
    return (
        _any(schema, schema.get("$defs", {}))
        .map(lambda data: _valid(kind, data))
        .filter(lambda made: made is not None)
    )


def _valid(kind: type[BaseModel], data: Any) -> Any:
    try:
        return kind.model_validate(data)
    except ValidationError:
        return None


def _smallest(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    schema = _resolved(schema, definitions)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "string" if "pattern" in schema:
            return "file_" + "0" * 26 if schema["pattern"].startswith("^file_") else "everyone"
        case "string":
            return "x" * max(1, schema.get("minLength", 1))
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "array":
            return [_smallest(schema["items"], definitions)] * schema.get("minItems", 0)
        case "object":
            return {
                name: _smallest(schema["properties"][name], definitions)
                for name in schema.get("required", [])
            }
    return None


def _any(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    schema = _resolved(schema, definitions)
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if "anyOf" in schema:
        return st.one_of([_any(each, definitions) for each in schema["anyOf"]])
    match schema.get("type"):
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True)
        case "string":
            most = min(schema.get("maxLength", 200), 200)
            return st.one_of(
                st.text(min_size=schema.get("minLength", 0), max_size=most), _sentences(most)
            )
        case "integer":
            return st.integers(schema.get("minimum", -1000), schema.get("maximum", 1000))
        case "number":
            return st.floats(
                schema.get("minimum", -1e6), schema.get("maximum", 1e6), allow_nan=False
            )
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            most = min(schema.get("maxItems", 5), 5)
            items = _any(schema.get("items", {}), definitions)
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=most)
        case "object" if "properties" in schema:
            return st.fixed_dictionaries(
                {name: _any(each, definitions) for name, each in schema["properties"].items()}
            )
    return st.just({})


def _sentences(most: int) -> st.SearchStrategy[str]:
    words = st.sampled_from(
        [
            "The",
            "leave",
            "is",
            "30",
            "days.",
            "Who",
            "approves",
            "it?",
            "Ignore",
            "all",
            "rules",
            "!",
            "€5",
        ]
    )
    return st.lists(words, min_size=1, max_size=30).map(lambda said: " ".join(said)[:most])


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    if len(schema.get("allOf", [])) == 1:
        return _resolved(schema["allOf"][0], definitions)
    return schema
