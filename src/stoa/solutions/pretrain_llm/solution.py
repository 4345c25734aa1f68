"""The declaration of pretrain_llm: everything the house needs to know, nothing else."""

from pathlib import Path

from stoa.base.identity.caller import EDITORS
from stoa.contract import Operation, Solution
from stoa.solutions.pretrain_llm.data import add_data, datasets
from stoa.solutions.pretrain_llm.evaluating import evaluate
from stoa.solutions.pretrain_llm.exporting import export
from stoa.solutions.pretrain_llm.flow import resume, stop, train
from stoa.solutions.pretrain_llm.importing import import_run
from stoa.solutions.pretrain_llm.page import page
from stoa.solutions.pretrain_llm.planning import plan
from stoa.solutions.pretrain_llm.showing import compare, recipes, runs, show_run
from stoa.solutions.pretrain_llm.simulating import simulate
from stoa.solutions.pretrain_llm.welcome import fill

SOLUTION = Solution(
    name="pretrain_llm",
    title="Pretrain",
    summary="Trains a language model from scratch, plans it beforehand, and keeps it running.",
    folder=Path(__file__).parent,
    icon="model_training",
    operations=(
        Operation(train, roles=EDITORS, durable=True),
        Operation(resume, roles=EDITORS, durable=True),
        Operation(stop, roles=EDITORS),
        Operation(runs),
        Operation(show_run),
        Operation(compare),
        Operation(recipes),
        Operation(plan),
        Operation(simulate),
        Operation(add_data, roles=EDITORS, durable=True),
        Operation(datasets),
        Operation(export, roles=EDITORS),
        Operation(evaluate, roles=EDITORS, durable=True),
        Operation(import_run, roles=EDITORS),
    ),
    page=page,
    sample=fill,
)
