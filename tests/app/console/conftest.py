"""Servers in processes of their own, and a real browser that must not ask anything of anyone else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.console.served import Served, served
from tests.conftest import lacking

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def example_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The example solution with two workspaces; nobody is signed in by themselves."""
    with served(tmp_path_factory.mktemp("example"), "--example", "--people") as running:
        yield running


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The real solutions, as `stoa serve --sample` serves them on a fresh data folder."""
    with served(tmp_path_factory.mktemp("sample"), "--sample") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running browser. It occupies the event loop of the thread, so no longer than a module."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - optional part
    except ImportError:
        lacking("playwright (pip install stoa[development])")
    with sync_playwright() as playwright:
        path = CHROMIUM if Path(CHROMIUM).exists() else None
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a fresh profile. At the end: nothing was asked of others, and no errors."""
    contexts: list[Any] = []
    asked_of_others: list[str] = []
    troubles: list[str] = []

    def open_page(site: Served, path: str = "/", **context: Any) -> Any:
        made = chromium.new_context(
            viewport=context.pop("viewport", {"width": 1280, "height": 860}),
            reduced_motion="reduce",
            **context,
        )
        contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(40_000)
        own = (site.url, site.url.replace("http", "ws"), "data:", "blob:")
        page.on(
            "request", lambda r: None if r.url.startswith(own) else asked_of_others.append(r.url)
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console", lambda m: troubles.append(m.text) if m.type in {"error", "warning"} else None
        )
        page.goto(site.url + path)
        return page

    open_page.troubles = troubles  # type: ignore[attr-defined]
    yield open_page
    for each in contexts:
        each.close()
    assert asked_of_others == []
    assert troubles == []
