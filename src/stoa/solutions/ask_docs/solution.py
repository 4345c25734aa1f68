"""The declaration of ask_docs: everything the house needs to know, nothing else."""

from pathlib import Path

from stoa.base.identity.caller import EDITORS, OWNERS, REVIEWERS
from stoa.contract import Operation, Route, Schedule, Solution
from stoa.solutions.ask_docs.collections import (
    collection_create,
    collection_delete,
    collection_set,
    collections,
)
from stoa.solutions.ask_docs.conversations import (
    conversation,
    conversation_delete,
    conversation_export,
    conversations,
    feedback,
    memory,
)
from stoa.solutions.ask_docs.documents import add, list_documents, show
from stoa.solutions.ask_docs.flow import ANSWER, UNDERSTAND, ask, search
from stoa.solutions.ask_docs.lifecycle import approve, delete, reject
from stoa.solutions.ask_docs.page import page
from stoa.solutions.ask_docs.report import report
from stoa.solutions.ask_docs.routes import page_picture
from stoa.solutions.ask_docs.schema import AskEvent, SyncDue
from stoa.solutions.ask_docs.sources import source_add, source_remove, sources, sync, sync_due
from stoa.solutions.ask_docs.welcome import fill

SOLUTION = Solution(
    name="ask_docs",
    title="Ask Docs",
    summary="A chat that answers from approved documents and shows its sources.",
    folder=Path(__file__).parent,
    icon="forum",
    operations=(
        Operation(ask, streams=AskEvent),
        Operation(search),
        Operation(add, durable=True),
        Operation(list_documents, name="list"),
        Operation(show),
        Operation(approve, roles=REVIEWERS),
        Operation(reject, roles=REVIEWERS),
        Operation(delete, destructive=True),
        Operation(conversations),
        Operation(conversation),
        Operation(conversation_export),
        Operation(conversation_delete, destructive=True),
        Operation(feedback),
        Operation(memory, roles=OWNERS),
        Operation(report, roles=EDITORS),
        Operation(collections),
        Operation(collection_create, roles=EDITORS),
        Operation(collection_set, roles=EDITORS),
        Operation(collection_delete, roles=EDITORS, destructive=True),
        Operation(sources, roles=REVIEWERS),
        Operation(source_add, roles=EDITORS),
        Operation(source_remove, roles=EDITORS, destructive=True),
        Operation(sync, roles=EDITORS, durable=True),
        Operation(sync_due, roles=OWNERS, durable=True),
    ),
    prompts=(UNDERSTAND, ANSWER),
    routes=(Route("documents/{document_id}/pages/{page}/picture", page_picture),),
    schedules=(Schedule("sync_due", "*/5 * * * *", "sync_due", SyncDue()),),
    page=page,
    sample=fill,
)
