"""`stoa settings`: what is in force, where secrets show only that they are set."""

import click
from pydantic import SecretStr

from stoa.app.cli.output import show
from stoa.app.cli.target import Target
from stoa.base.settings import Settings


@click.command(help="Show the settings in force, secrets masked.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def settings(target: Target | None, as_json: bool) -> None:
    """Print every setting."""
    values = Settings.load()
    masked = {
        name: "********" if isinstance(value, SecretStr) else value
        for name, value in ((name, getattr(values, name)) for name in Settings.model_fields)
    }
    shown = {
        name: value if isinstance(value, str | int | float | bool | None) else str(value)
        for name, value in masked.items()
    }
    show(shown, as_json=as_json or (target is not None and target.as_json))
