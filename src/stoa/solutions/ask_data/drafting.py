"""Drafts descriptions for tables that nobody described yet, for a person to correct.

Every role reads a description, so none is made of values: a policy may hide them from some.
"""

from pathlib import Path

from sqlalchemy.orm import Session

from stoa.contract import Call
from stoa.core.models.prompts import Prompt
from stoa.core.tables.catalogue import Table
from stoa.solutions.ask_data import offline
from stoa.solutions.ask_data.cards import card, without_values
from stoa.solutions.ask_data.catalogues import write_descriptions
from stoa.solutions.ask_data.knowing import know
from stoa.solutions.ask_data.prompting import DescribeInputs, Description
from stoa.solutions.ask_data.schema import Draft, Drafted

DESCRIBE = Prompt(Path("prompts/describe.md"), twin=offline.describe)


async def draft(call: Call, request: Draft) -> Drafted:
    """Draft descriptions of tables that have none yet; correct them with `describe`."""
    known = await know(call, request.database)
    bare = [table for table in known.seen.tables if not table.description][: request.tables]
    texts: dict[tuple[str, str], str] = {}
    answered_by = ""
    for done, table in enumerate(bare):
        await call.progress("Describing tables", done, len(bare))

        async def describe(table: Table = table) -> Description:
            reply = await call.prompt(DESCRIBE, describe_inputs(table))
            return Description(text=f"{reply.answered_by}\n{reply.output.text}")

        found = await call.step(describe)
        answered_by, _, text = found.text.partition("\n")
        texts[table.key, ""] = text.strip()[:2000]

    def keep(session: Session) -> int:
        return write_descriptions(session, call.caller, known.connection.id, texts, new_only=True)

    version = await call.platform.database.write(keep, workspace=call.caller.workspace_id)
    return Drafted(described=len(texts), version=version, answered_by=answered_by)


def describe_inputs(table: Table) -> DescribeInputs:
    """What the prompt is told of a table: its structure and comments, no values and no counts."""
    columns = tuple(without_values(column) for column in table.columns)
    shown = table.model_copy(update={"rows": None, "columns": columns})
    return DescribeInputs(
        table=card(shown),
        name=table.name,
        columns=[column.name for column in table.columns],
        refers_to=list(dict.fromkeys(key.to_table for key in table.foreign_keys)),
    )
