"""stub"""
from stoa.contract import Call
from stoa.solutions.pretrain_llm.schema import Evaluate, Evaluation
async def evaluate(call: Call, request: Evaluate) -> Evaluation:
    """stub"""
    return Evaluation(job="", checkpoints=[], harness="")
