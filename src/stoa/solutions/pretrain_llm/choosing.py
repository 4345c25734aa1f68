"""Which recipe a run gets, with which changes, and which files it may read.

Recipes by name are those that come with Stoa and those an operator put into `{home}/recipes`. What a
caller sends is data: it may set any number, but it names no file beyond the operator's folders, no
command, and no place to write to.
"""

import json
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stoa.base.errors import InvalidInput, NotFound
from stoa.base.settings import Settings
from stoa.compute.training.pretraining import recipe as recipes
from stoa.compute.training.pretraining.recipe import Recipe

_FOLDER = Path(__file__).parent
_CHARACTERS = 256
"""Greatest vocabulary that characters are counted with where the text is not read yet."""
_OPERATORS = ("checkpoints.to", "recovery.nodes", "data.folder")
_SUFFIX = ".toml"


def recipe_names(settings: Settings) -> list[str]:
    """All recipes by name; an operator's own goes before one of ours of the same name."""
    return sorted(_files(settings))


def recipe_text(settings: Settings, name: str) -> str:
    """The recipe's file. Raises NotFound with the names there are."""
    found = _files(settings)
    if name not in found:
        raise NotFound(
            f"There is no recipe '{name}'.", hint=f"There are: {', '.join(sorted(found))}."
        )
    return found[name].read_text(encoding="utf-8")


def named_recipe(settings: Settings, name: str) -> Recipe:
    """The recipe of that name."""
    return recipes.from_toml(recipe_text(settings, name))


def from_file(path: Path) -> Recipe:
    """The recipe in a file."""
    return recipes.from_toml(path.read_text(encoding="utf-8"))


def about(text: str) -> str:
    """The comment at the head of a recipe."""
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# "))
    return " ".join(head)


def sent_recipe(text: str) -> Recipe:
    """A recipe that a caller sent. Raises InvalidInput where it names what only an operator may."""
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(
            f"The recipe is not TOML: {error}.",
            hint="See `stoa pretrain_llm recipes` for examples.",
        ) from error
    for name in _OPERATORS:
        section, key = name.split(".")
        if isinstance(plain.get(section), dict) and key in plain[section]:
            raise _operators_only(name)
    return recipes.from_dict(plain)


def changed(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """The recipe with `dotted.name=value` applied.

    Raises InvalidInput for what is none, and for what changes a value that only an operator may set,
    however it is written.
    """
    values: dict[str, Any] = {}
    for each in changes:
        name, equals, value = each.partition("=")
        name = name.strip()
        if not equals or not name:
            raise InvalidInput(
                f"'{each}' is no change of a recipe.", hint="Write it as schedule.steps=500."
            )
        values[name] = _value(value.strip())
    found = recipe.with_changes(values) if values else recipe
    for name in _OPERATORS:
        section, key = name.split(".")
        if getattr(getattr(found, section), key) != getattr(getattr(recipe, section), key):
            raise _operators_only(name)
    return found


def with_sources(recipe: Recipe, paths: Iterable[Path], name: str, **more: Any) -> Recipe:
    """The recipe reading these files, as one source, instead of its own; nothing held out apart."""
    first = recipe.data.sources[0].model_dump(mode="json")
    sources = [first | {"path": str(path)} | more for path in paths]
    return recipe.with_changes({"data.sources": sources, "data.validation": [], "name": name})


def local(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe with every file it names found on this machine.

    Raises:
        InvalidInput: one is not there, or lies where the operator allows no reading.
    """
    changes: dict[str, Any] = {}
    for part in ("sources", "validation"):
        found = [each.model_dump(mode="json") for each in getattr(recipe.data, part)]
        for each in found:
            each["path"] = str(_found(each["path"], settings))
        changes[f"data.{part}"] = found
    if recipe.data.tokenizer.path is not None:
        changes["data.tokenizer.path"] = str(_found(recipe.data.tokenizer.path, settings))
    if recipe.model.start_from is not None:
        changes["model.start_from"] = str(_found(recipe.model.start_from, settings))
    return recipe.with_changes(changes)


def greatest_vocabulary(recipe: Recipe) -> int:
    """Rows of the embedding, or what they can be at most before the text is read."""
    model, tokenizer = recipe.model, recipe.data.tokenizer
    wanted = model.vocabulary or (
        _CHARACTERS if tokenizer.kind == "characters" else tokenizer.vocabulary
    )
    multiple = model.vocabulary_multiple
    return -(-wanted // multiple) * multiple


def differences(plain: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Dotted names whose values differ between recipes."""
    flat = [dict(_flat(each)) for each in plain]
    names = dict.fromkeys(name for each in flat for name in each)
    rows = {name: [_told(each.get(name)) for each in flat] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _files(settings: Settings) -> dict[str, Path]:
    folders = (recipes.SHIPPED, _FOLDER / "recipes", settings.home / "recipes")
    return {path.stem: path for folder in folders for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def _found(path: str, settings: Settings) -> Path:
    """A file, or a pattern of files: of our sample, in `{home}/corpora`, or in an allowed folder."""
    given = Path(path)
    corpora = settings.home.resolve() / "corpora"
    allowed = [
        corpora,
        (settings.home / "pretrain_llm").resolve(),
        settings.home.resolve() / "artefacts",
    ]
    allowed += [
        Path(each.strip()).resolve() for each in settings.source_folders.split(",") if each.strip()
    ]
    if path.startswith("sample/"):
        candidate = (_FOLDER / given).resolve()
        if candidate.is_relative_to(_FOLDER / "sample") and candidate.is_file():
            return candidate
    for place in [given] if given.is_absolute() else [folder / given for folder in allowed]:
        fixed = _fixed_part(place).resolve()
        if not any(fixed.is_relative_to(folder) for folder in allowed):
            raise InvalidInput(
                f"'{path}' may not be read.",
                hint="An operator allows folders with the setting STOA_SOURCE_FOLDERS.",
            )
        if place.exists() or (place != fixed and any(place.parent.glob(place.name))):
            return place.resolve() if place.exists() else place
    raise InvalidInput(
        f"The text '{path}' is not there.",
        hint=f"Give it with --data FILE, add it with add_data, or put it into {corpora}.",
    )


def _fixed_part(path: Path) -> Path:
    """The path up to its first pattern, which may only match below it."""
    parts = []
    for part in path.parts:
        if any(mark in part for mark in "*?["):
            break
        parts.append(part)
    return Path(*parts)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _flat(value: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, dict):
            yield from _flat(each, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", each


def _told(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _operators_only(name: str) -> InvalidInput:
    return InvalidInput(
        f"'{name}' may not be set here.",
        hint="It starts commands or writes files: put the recipe into the folder 'recipes' of STOA_HOME.",
    )
