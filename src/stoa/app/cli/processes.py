"""The commands that stay: server, worker and MCP over standard input and output."""

import asyncio
from typing import Any

import click

from stoa.base.loading import loading
from stoa.base.settings import Settings


@click.command(help="Serve console, REST, MCP and the model gateway.")
@click.option("--sample", is_flag=True, help="Sign browsers on this machine in, with sample data.")
@click.option("--host", help="Address to listen on.  [default: STOA_HOST, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port.  [default: STOA_PORT, 8000]")
@click.option(
    "--work/--no-work", "works", default=True, help="Also work on durable runs.  [default: work]"
)
def serve(sample: bool, host: str | None, port: int | None, works: bool) -> None:
    """Start the server."""
    with loading():
        from stoa.app.serving import serve as run  # noqa: PLC0415 - loads the whole web part

    given: dict[str, Any] = {"host": host, "port": port}
    settings = Settings.load(**{name: value for name, value in given.items() if value is not None})
    run(settings, sample=sample, works=works)


@click.command(help="Work on durable runs beside the server.")
def worker() -> None:
    """Start a worker."""
    with loading():
        from stoa.app.serving import work  # noqa: PLC0415 - loads the whole web part

    work(Settings.load())


@click.command(help="Speak MCP over standard input and output, as the local owner or as a key's.")
@click.option("--key", help="Act as this API key instead of the local owner.")
def mcp(key: str | None) -> None:
    """Start an MCP server on stdio."""
    with loading():
        from stoa.app.cli.doors import local_house  # noqa: PLC0415 - loads the whole house
        from stoa.app.mcp import serve_stdio  # noqa: PLC0415 - loads the MCP library

    async def run() -> None:
        async with local_house() as (dispatcher, owner):
            accounts = dispatcher.platform.accounts
            caller = await accounts.caller_of_key(key, address="stdio") if key else owner
            await serve_stdio(dispatcher, caller)

    asyncio.run(run())
