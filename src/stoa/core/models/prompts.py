"""A prompt is a typed function kept in a file: Markdown text with front matter, and an offline twin.

    ---
    role: strong
    temperature: 0.1
    inputs: AnswerInputs
    output: DraftAnswer
    ---
    You answer questions from passages.

    Answer {{ question }} from these passages:
    {% for passage in passages %}
    [{{ passage.number }}] {{ passage.text }}
    {% endfor %}

The names under `inputs` and `output` must be the types of the twin's signature, so a reader of the
file knows them and a mismatch fails at import. Fields of `inputs` that hold pictures (`bytes` or
`list[bytes]`) are attached to the request, in order; such a prompt has the role `vision`. This file
knows no provider.
"""

import hashlib
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stoa.core.models.templates import Template

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
Role = Literal["fast", "strong", "vision"]

OFFLINE = "offline"
"""`Reply.answered_by` where no model was asked."""

_FRONT_MATTER = re.compile(r"\A---\n(.*?)^---\n(.*)\Z", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Reply(Generic[Out]):
    """What a prompt came to, and honestly who answered."""

    output: Out
    answered_by: str
    """`offline`, or `provider:model`."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    """None where the price of the model is not known."""
    seconds: float = 0.0


class FrontMatter(BaseModel):
    """The head of a prompt file. An unknown key is refused, so a typing slip can't pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    inputs: str
    output: str
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int = Field(4096, gt=0, le=200_000)
    """Most tokens an answer may have. Always sent: a bound on cost, and some models need it."""


@dataclass(frozen=True)
class Prompt(Generic[In, Out]):
    """One prompt file and its twin. `Prompt(Path("prompts/answer.md"), twin=offline.answer)`.

    A relative path starts at the folder of the file the twin is written in.

    Raises:
        TypeError: file and twin don't fit each other, or the file can't be read.
    """

    path: Path
    twin: Callable[[In], Out]
    head: FrontMatter = field(init=False, compare=False, repr=False)
    template: Template = field(init=False, compare=False, repr=False)
    version: str = field(init=False, compare=False)
    """Names the file's content: changes with every character of it."""

    def __post_init__(self) -> None:
        path = Path(inspect.getfile(self.twin)).parent / self.path
        object.__setattr__(self, "path", path)
        try:
            text = path.read_text(encoding="utf-8")
            head, template = _parse(text)
            self._check(head, template)
        except (OSError, ValueError) as error:
            raise TypeError(f"prompt {path}: {error}") from error
        object.__setattr__(self, "head", head)
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "version", hashlib.sha256(text.encode()).hexdigest()[:12])

    @property
    def name(self) -> str:
        """`ask_docs.answer` for `ask_docs/prompts/answer.md`: how ledger and reports call it."""
        folder = self.path.parent
        owner = folder.parent if folder.name == "prompts" else folder
        return f"{owner.name}.{self.path.stem}"

    @cached_property
    def _signature(self) -> tuple[type[In], type[Out]]:
        hints = typing.get_type_hints(self.twin)
        output = hints.pop("return", None)
        kinds = (*hints.values(), output)
        if len(kinds) != 2 or not all(
            inspect.isclass(k) and issubclass(k, BaseModel) for k in kinds
        ):
            raise ValueError("the twin takes one pydantic model and returns one")
        return typing.cast("tuple[type[In], type[Out]]", kinds)

    @property
    def inputs(self) -> type[In]:
        """The type of the twin's parameter."""
        return self._signature[0]

    @property
    def output(self) -> type[Out]:
        """The type the twin returns."""
        return self._signature[1]

    def request(self, inputs: In) -> str:
        """The text asked, with the inputs as data."""
        values = {name: getattr(inputs, name) for name in self.inputs.model_fields}
        return self.template.render(values)

    def pictures(self, inputs: In) -> list[bytes]:
        """The pictures to attach, in the order of the fields."""
        found: list[bytes] = []
        for name in _picture_fields(self.inputs):
            value = getattr(inputs, name)
            found += [value] if isinstance(value, bytes) else value or []
        return found

    def _check(self, head: FrontMatter, template: Template) -> None:
        for key, kind in (("inputs", self.inputs), ("output", self.output)):
            if getattr(head, key) != kind.__name__:
                raise ValueError(
                    f"'{key}' is {getattr(head, key)}, but the twin says {kind.__name__}"
                )
        if unknown := sorted(template.variables - set(self.inputs.model_fields)):
            raise ValueError(f"the text asks for {unknown}, which {head.inputs} does not have")
        pictures = _picture_fields(self.inputs)
        if pictures and head.role != "vision":
            raise ValueError(f"{pictures} hold pictures, so the role must be vision")
        if printed := sorted(template.variables & set(pictures)):
            raise ValueError(f"{printed} hold pictures: they are attached, not printed")


def _parse(text: str) -> tuple[FrontMatter, Template]:
    parts = _FRONT_MATTER.match(text)
    if parts is None:
        raise ValueError("the file must begin with front matter between two lines of ---")
    try:
        head = FrontMatter.model_validate(yaml.safe_load(parts[1]))
    except yaml.YAMLError as error:
        raise ValueError(f"the front matter is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"front matter '{where}': {first['msg']}") from error
    if not parts[2].strip():
        raise ValueError("there is no text under the front matter")
    return head, Template(parts[2])


def _picture_fields(kind: type[BaseModel]) -> list[str]:
    """Names of the fields typed `bytes`, `list[bytes]`, or either of them with None."""

    def holds_bytes(annotation: Any) -> bool:
        return annotation is bytes or any(holds_bytes(arg) for arg in typing.get_args(annotation))

    return [name for name, each in kind.model_fields.items() if holds_bytes(each.annotation)]
