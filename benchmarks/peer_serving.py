"""The peer of the serving benchmark: FastAPI and the same network in torch, in one process, as one would
write it first. `python -m benchmarks.peer_serving PORT`."""

import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.serving_house import ITEMS, USERS, neumf


class Rank(BaseModel):
    user: str
    items: list[str]


class Ranked(BaseModel):
    items: list[str]
    scores: list[float]


def _table(weights: torch.Tensor) -> torch.nn.Embedding:
    made = torch.nn.Embedding(weights.shape[0], weights.shape[1])
    made.weight.data = weights
    return made


class Network(torch.nn.Module):
    """NeuMF from the tensors of the served model."""

    def __init__(self) -> None:
        super().__init__()
        tensors = {name: torch.from_numpy(each) for name, each in neumf(1).tensors().items()}
        self.tables = torch.nn.ModuleDict(
            {
                name.replace(".", "_"): _table(tensors[name])
                for name in ("mf.users", "mf.items", "mlp.users", "mlp.items")
            }
        )
        self.layers = torch.nn.ModuleList()
        for number in range(3):
            weight = tensors[f"layers.{number}.weight"]
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = weight, tensors[f"layers.{number}.bias"]
            self.layers.append(layer)
        self.output = torch.nn.Linear(len(tensors["output.weight"]), 1)
        self.output.weight.data = tensors["output.weight"][None]
        self.output.bias.data = tensors["output.bias"]

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        mf = self.tables["mf_users"](users) * self.tables["mf_items"](items)
        hidden = torch.cat([self.tables["mlp_users"](users), self.tables["mlp_items"](items)], 1)
        for layer in self.layers:
            hidden = torch.relu(layer(hidden))
        scores: torch.Tensor = self.output(torch.cat([mf, hidden], 1))[:, 0]
        return scores


def create_app() -> FastAPI:
    app = FastAPI()
    torch.set_num_threads(1)
    network = Network().eval()
    users = {str(each): each for each in range(USERS)}
    items = {str(each): each for each in range(ITEMS)}

    @app.post("/rank")
    async def rank(request: Rank) -> Ranked:
        with torch.inference_mode():
            user = torch.full((len(request.items),), users[request.user])
            scores = network(user, torch.tensor([items[each] for each in request.items]))
            order = torch.argsort(scores, descending=True).tolist()
            values = scores.tolist()
        return Ranked(
            items=[request.items[each] for each in order], scores=[values[each] for each in order]
        )

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), port=int(sys.argv[1]), log_level="warning", loop="asyncio")
