"""A page without a browser, for widgets to be put on."""

from collections.abc import Iterator

import pytest
from nicegui import ui
from nicegui.client import Client


@pytest.fixture
def canvas() -> Iterator[Client]:
    """An open page; what is built lands on it."""
    client = Client(ui.page(""))
    client.outbox.stop()
    with client:
        yield client
    client.delete()
