"""The declaration of ask_data: everything the house needs to know, nothing else."""

from pathlib import Path

from stoa.base.identity.caller import EDITORS, OWNERS
from stoa.contract import Operation, Schedule, Solution
from stoa.solutions.ask_data.background import download, result, submit
from stoa.solutions.ask_data.catalogues import (
    catalogue,
    describe,
    export,
    import_descriptions,
    refresh,
)
from stoa.solutions.ask_data.connections import connect, connections, disconnect, test
from stoa.solutions.ask_data.drafting import DESCRIBE, draft
from stoa.solutions.ask_data.flow import ENGLISH, SQL, ask, run_sql
from stoa.solutions.ask_data.keeping import expire
from stoa.solutions.ask_data.page import page
from stoa.solutions.ask_data.policies import policies, policy
from stoa.solutions.ask_data.report import report
from stoa.solutions.ask_data.saving import feedback, forget, save, saved
from stoa.solutions.ask_data.schema import AskEvent, Expire
from stoa.solutions.ask_data.suite import suite
from stoa.solutions.ask_data.welcome import fill

SOLUTION = Solution(
    name="ask_data",
    title="Ask Data",
    summary="Questions in plain English over your databases, answered with checked numbers.",
    folder=Path(__file__).parent,
    icon="query_stats",
    operations=(
        Operation(ask, streams=AskEvent),
        Operation(submit, durable=True),
        Operation(result),
        Operation(run_sql),
        Operation(download),
        Operation(save),
        Operation(saved),
        Operation(forget, destructive=True),
        Operation(feedback),
        Operation(report, roles=EDITORS),
        Operation(connect, roles=OWNERS),
        Operation(test, roles=EDITORS),
        Operation(connections),
        Operation(disconnect, roles=OWNERS, destructive=True),
        Operation(catalogue),
        Operation(describe, roles=EDITORS),
        Operation(draft, roles=EDITORS, durable=True),
        Operation(import_descriptions, roles=EDITORS),
        Operation(export),
        Operation(refresh, roles=EDITORS),
        Operation(policies, roles=EDITORS),
        Operation(policy, roles=OWNERS),
        Operation(expire, roles=OWNERS),
    ),
    prompts=(SQL, ENGLISH, DESCRIBE),
    schedules=(Schedule("expire", "17 * * * *", "expire", Expire()),),
    page=page,
    sample=fill,
    suite=suite,
)
