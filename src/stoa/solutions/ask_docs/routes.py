"""Plain GETs beside the operations: the picture of a page, for the source panel."""

from collections.abc import Mapping

from stoa.base.errors import NotFound
from stoa.base.identity.caller import Caller
from stoa.contract import Platform
from stoa.solutions.ask_docs.access import document_to_read


async def page_picture(
    platform: Platform, caller: Caller, parameters: Mapping[str, str]
) -> tuple[str, bytes]:
    """PNG of one page of a document the caller may read. Raises NotFound."""
    document_id, page = parameters["document_id"], parameters["page"]
    if not (page.isascii() and page.isdigit() and len(page) <= 6):
        raise NotFound(f"There is no page '{page[:20]}'.", hint="Pages are numbered from 1.")
    await platform.database.read(
        lambda session: document_to_read(session, caller, document_id),
        workspace=caller.workspace_id,
    )
    picture = await platform.knowledge.page_picture(caller.workspace_id, document_id, int(page))
    return "image/png", picture
