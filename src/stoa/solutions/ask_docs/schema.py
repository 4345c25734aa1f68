"""The words of ask_docs: what its operations take and what they give back."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stoa.contract import FileField, FileId, Request, Result
from stoa.core.knowledge.documents import PageReport
from stoa.core.knowledge.pages import Box

DOCUMENT_ENDINGS = (".pdf", ".docx", ".pptx", ".xlsx", ".html", ".htm", ".md", ".csv", ".txt")
DocumentFile = Annotated[FileId, FileField(accept=DOCUMENT_ENDINGS)]
Id = Annotated[str, StringConstraints(max_length=40)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Link = Annotated[str, StringConstraints(max_length=2000)]
Principal = Annotated[
    str,
    StringConstraints(
        pattern=r"^(everyone|role:(owner|editor|reviewer|member)|user:[0-9A-Za-z_]{1,40})$"
    ),
]
"""Who: `everyone`, `role:reviewer`, or `user:user_01…`."""

EVERYONE_READS: list[Principal] = ["everyone"]
EDITORS_WRITE: list[Principal] = ["role:owner", "role:editor"]


class Done(Result):
    """Nothing more to say than that it was done, and to what."""

    id: str


# --- collections -----------------------------------------------------------------------------


class ListCollections(Request):
    """All collections the caller may read."""


class CreateCollection(Request):
    """A new collection."""

    name: Name
    readers: list[Principal] = Field(
        EVERYONE_READS,
        max_length=500,
        description="Who may read: everyone, role:reviewer, user:user_… ; owners always may.",
    )
    writers: list[Principal] = Field(
        EDITORS_WRITE, max_length=500, description="Who may add documents, among the readers."
    )
    review: bool = Field(True, description="Documents count only after somebody approved them.")
    review_days: int = Field(
        365, ge=1, le=3650, description="Days after which a current document is due for review."
    )


class SetCollection(Request):
    """Change a collection. What is left out stays as it is."""

    collection: Name = Field(description="Id or name of the collection.")
    name: Name | None = None
    readers: list[Principal] | None = Field(None, max_length=500)
    writers: list[Principal] | None = Field(None, max_length=500)
    review: bool | None = None
    review_days: int | None = Field(None, ge=1, le=3650)


class DeleteCollection(Request):
    """Delete an empty collection."""

    collection: Name = Field(description="Id or name of the collection.")


class CollectionView(Result):
    """A collection as somebody who may read it sees it."""

    id: str
    name: str
    readers: list[str]
    writers: list[str]
    review: bool
    review_days: int
    documents: int
    """How many documents are current."""
    may_write: bool
    """Whether the caller may add documents."""


class Person(Result):
    """Somebody of the workspace."""

    id: str
    name: str


class Collections(Result):
    """The collections one may read, by name."""

    collections: list[CollectionView]
    people: list[Person]
    """By name: those who read or write one of them by name, and for editors everybody."""


# --- documents -------------------------------------------------------------------------------


class DocumentState(StrEnum):
    """The life of one version of a document."""

    RECEIVED = "received"
    """Being read."""
    DRAFT = "draft"
    """Read and indexed; waits for review."""
    APPROVED = "approved"
    """Somebody approved it; about to replace the version before."""
    CURRENT = "current"
    """The one version that answers are made from."""
    SUPERSEDED = "superseded"
    """A newer version took its place."""
    REJECTED = "rejected"
    """A reviewer turned it down."""
    FAILED = "failed"
    """It could not be read; `problem` and `hint` say why and what to do."""
    DELETED = "deleted"
    """Being deleted: nobody sees it any more, its last traces are being removed."""


class Add(Request):
    """Documents to take in: uploaded files, an address, or both."""

    files: list[DocumentFile] = Field([], max_length=100, description="Uploaded files.")
    url: Link = Field("", description="http(s) address of a page or a file to fetch.")
    collection: Name = Field("General", description="Id or name of the collection.")
    reference: Link = Field("", description="Where it comes from: a wiki page, a share.")
    title: str = Field("", max_length=300, description="Title; empty: the document's own.")
    replaces: Id = Field(
        "",
        description="Document that this is a new version of; empty: the one of the same file name.",
    )


class ListDocuments(Request):
    """Which documents to list."""

    collection: str = Field("", max_length=80, description="Id or name; empty: all I may read.")
    state: DocumentState | None = None
    due: bool = Field(False, description="Only drafts and documents due for review.")
    text: str = Field("", max_length=200, description="Part of the title or file name.")
    limit: int = Field(50, ge=1, le=500)
    offset: int = Field(0, ge=0, le=1_000_000)


class DocumentRequest(Request):
    """One document, by id."""

    document: Id


class Decide(Request):
    """A reviewer's decision on a draft, or on a current document that is due for review."""

    document: Id
    note: str = Field("", max_length=2000, description="Why; part of the document's history.")


class DocumentView(Result):
    """One version of a document."""

    id: str
    title: str
    name: str
    """File name, or the last part of the address."""
    collection: str
    collection_name: str
    state: DocumentState
    version: int
    lineage: str
    """Shared by all versions of one document."""
    reference: str
    media_type: str
    language: str
    size: int
    """Bytes of the original."""
    pages: int
    """pages == indexed + reported."""
    indexed: int
    reported: int
    passages: int
    embedded: int
    """Passages whose vectors were computed for this version; the rest was taken over."""
    problem: str
    hint: str
    source: str
    """Id of the source it came from; empty: added by hand."""
    added_by: str
    added_by_name: str
    added_at: datetime
    changed_at: datetime
    review_due_at: datetime | None


class Documents(Result):
    """A page of a list of documents, newest change first."""

    documents: list[DocumentView]
    total: int


class Receipt(Result):
    """What came of one file or address."""

    document: DocumentView
    outcome: Literal["new", "new_version", "already_there", "failed"]


class Receipts(Result):
    """What came of everything that was added, in its order."""

    documents: list[Receipt]


class LifeEvent(Result):
    """One step in a document's life: who, when, and why."""

    state: DocumentState
    at: datetime
    by: str
    by_name: str
    note: str


class DocumentDetail(Result):
    """A document with its page accounting, its life and its other versions."""

    document: DocumentView
    pages: list[PageReport]
    history: list[LifeEvent]
    versions: list[DocumentView]
    original: str
    """Signed link to the original file; expires after ten minutes."""


# --- asking ----------------------------------------------------------------------------------


class Search(Request):
    """A query over the current documents one may read."""

    query: str = Field(min_length=1, max_length=2000)
    collections: list[Name] = Field([], max_length=100, description="Ids or names; empty: all.")
    documents: list[Id] = Field([], max_length=100, description="Only in these documents.")
    limit: int = Field(10, ge=1, le=50)
    mode: Literal["hybrid", "keyword", "vector"] = "hybrid"


class PassageView(Result):
    """A passage with what a reader needs to judge it."""

    id: str
    document: str
    title: str
    collection: str
    reference: str
    page: int = Field(description="Of its pages, the one that answers the query best.")
    first_page: int
    last_page: int
    heading: str
    text: str
    score: float
    relevance: float
    relevant: bool


class Passages(Result):
    """Passages, best first."""

    passages: list[PassageView]


class Ask(Request):
    """A question, alone or as part of a conversation."""

    question: str = Field(min_length=1, max_length=4000)
    conversation: Id = Field("", description="Id of the conversation; empty: a new one.")
    collections: list[Name] = Field([], max_length=100, description="Ids or names; empty: all.")
    documents: list[Id] = Field([], max_length=100, description="Only in these documents.")


class Citation(Result):
    """Where a sentence of an answer stands: document, page, and the exact words."""

    passage: str
    document: str
    title: str
    reference: str
    page: int
    quote: str
    """Verbatim from the passage."""
    boxes: list[Box]
    """Where the quote stands on the page; empty for formats without layout."""


class AnswerSentence(Result):
    """One sentence of an answer with its citations: at least one, always."""

    text: str
    citations: list[Citation]
    support: Literal["supported", "weak"]
    """`weak`: its quotes are real, but whether they say this is for the reader to judge."""


class StepTime(Result):
    """How long one step of an answer took."""

    name: Literal["understand", "retrieve", "answer", "verify"]
    seconds: float


class AnswerKind(StrEnum):
    """What kind of reply it is."""

    ANSWER = "answer"
    NOT_FOUND = "not_found"
    """Nothing in the documents one may read supports an answer."""
    GREETING = "greeting"
    CLARIFY = "clarify"
    """The question is too open; the text asks back."""


class Answer(Result):
    """A reply to a question. `text` joins the sentences, or greets, asks back, says not found."""

    conversation: str
    turn: str
    kind: AnswerKind
    question: str
    """The question as it was understood, readable without the conversation."""
    text: str
    sentences: list[AnswerSentence]
    passages: list[PassageView]
    """What was retrieved, best first."""
    held_back: int
    """Sentences of the draft that were dropped because their citations did not support them."""
    answered_by: str
    """`offline`, or `provider:model`."""
    steps: list[StepTime]
    seconds: float
    input_tokens: int
    output_tokens: int


class AskEvent(Result):
    """What an answer in the making has so far: first what was retrieved, then each sentence."""

    kind: Literal["retrieved", "sentence"]
    passages: list[PassageView] = Field(default_factory=list)
    sentence: AnswerSentence | None = None


# --- conversations ---------------------------------------------------------------------------


class ListConversations(Request):
    """The caller's own conversations."""

    limit: int = Field(50, ge=1, le=500)


class ConversationRequest(Request):
    """One of the caller's own conversations, by id."""

    conversation: Id


class ExportConversation(Request):
    """One of the caller's own conversations, as a file."""

    conversation: Id
    format: Literal["markdown", "json"] = "markdown"


class ConversationView(Result):
    """A conversation without its turns."""

    id: str
    title: str
    turns: int
    started_at: datetime
    last_at: datetime
    ends_at: datetime
    """When it is forgotten if nothing more is asked."""


class Conversations(Result):
    """The caller's conversations, latest first."""

    conversations: list[ConversationView]


class Turn(Result):
    """A question and the reply to it."""

    id: str
    at: datetime
    question: str
    answer: Answer
    helpful: bool | None
    note: str


class Conversation(Result):
    """A conversation with its turns."""

    conversation: ConversationView
    turns: list[Turn]


class Export(Result):
    """A conversation as a file."""

    name: str
    media_type: str
    text: str


class Feedback(Request):
    """What the caller thinks of one of their own answers."""

    turn: Id
    helpful: bool
    note: str = Field("", max_length=2000)


class SetMemory(Request):
    """How long conversations and the question log are kept. What is left out stays as it is."""

    idle_minutes: int | None = Field(None, ge=1, le=525_600)
    log_days: int | None = Field(None, ge=1, le=3650)


class Memory(Result):
    """How long conversations and the question log are kept in this workspace."""

    idle_minutes: int
    """A conversation is deleted when nothing was asked for so long."""
    log_days: int
    """The question log, which reports are made from, reaches so far back."""


# --- report ----------------------------------------------------------------------------------


class ReportRequest(Request):
    """Over how many days to report."""

    days: int = Field(28, ge=1, le=365)


class UnansweredGroup(Result):
    """Questions of one meaning that the documents did not answer."""

    question: str
    """The one closest to the middle of the group."""
    count: int
    last_at: datetime
    examples: list[str]


class TopicCount(Result):
    """How often a topic was asked about in one week."""

    week: date
    """Its Monday."""
    topic: str
    questions: int


class Usage(Result):
    """Questions of one person on one day."""

    day: date
    user: str
    questions: int


class Latency(Result):
    """Seconds of one step, over the answers of the period."""

    step: str
    p50: float
    p95: float


class Reason(Result):
    """Why an answer did not help, in the words of whoever asked."""

    question: str
    note: str
    at: datetime


class Report(Result):
    """What was asked, what went unanswered, who asked, how fast it was and what it cost."""

    since: datetime
    questions: int
    users: int
    kinds: dict[str, int]
    helpful: int
    unhelpful: int
    reasons: list[Reason]
    """Newest first, of those found unhelpful."""
    unanswered: list[UnansweredGroup]
    topics: list[TopicCount]
    usage: list[Usage]
    latency: list[Latency]
    input_tokens: int
    output_tokens: int


# --- sources ---------------------------------------------------------------------------------


class AddSource(Request):
    """A place to take documents from, again and again."""

    kind: Literal["folder", "web", "git"]
    location: str = Field(
        min_length=1,
        max_length=2000,
        description="Folder on the server, http(s) address, or address of a git repository.",
    )
    collection: Name = Field("General", description="Id or name of the collection.")
    every_minutes: int = Field(1440, ge=5, le=525_600, description="Minutes between two looks.")
    branch: str = Field(
        "",
        max_length=200,
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._/-]*)?$",
        description="Branch of a git repository; empty: its default.",
    )


class ListSources(Request):
    """All sources that fill collections the caller may read."""


class SourceRequest(Request):
    """One source, by id."""

    source: Id


class RemoveSource(Request):
    """A source to take from no more."""

    source: Id
    documents: bool = Field(False, description="Delete the documents that came from it, too.")


class SyncDue(Request):
    """Sync every source that is due and clear up what was left behind."""


class SourceView(Result):
    """A source and how its last look went."""

    id: str
    kind: Literal["folder", "web", "git"]
    location: str
    branch: str
    collection: str
    collection_name: str
    every_minutes: int
    documents: int
    last_at: datetime | None
    next_at: datetime
    problem: str
    hint: str


class Sources(Result):
    """Sources, newest first."""

    sources: list[SourceView]


class SyncReport(Result):
    """What a look at one source found."""

    source: str
    added: int
    changed: int
    deleted: int
    unchanged: int
    failed: int
    problem: str = ""
    hint: str = ""


class SyncReports(Result):
    """What the sources that were due gave, and what was cleared up."""

    synced: list[SyncReport]
    conversations_ended: int
    settled: int
