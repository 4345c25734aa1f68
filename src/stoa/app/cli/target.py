"""Where an operation is carried out, and how it is answered: what every command is told."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Target:
    """In this process where `url` is None, else on the server there."""

    url: str | None = None
    key: str | None = None
    as_json: bool = False

    def with_options(self, *, url: str | None, key: str | None, as_json: bool) -> "Target":
        """The same, with what was said after the command's name."""
        return replace(
            self, url=url or self.url, key=key or self.key, as_json=as_json or self.as_json
        )
