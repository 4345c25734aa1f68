"""The house of the serving benchmark: recommend_products as it is, with two registered versions of NeuMF.

`python -m benchmarks.serving_house HOME PORT` serves it until it is told to stop; the models are of the
size of MovieLens-1M (6,040 users, 3,706 items, 32 factors), with random numbers.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stoa import wiring
from stoa.app.serving import serve
from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.compute.networks.recommenders.artefact import save_model
from stoa.compute.networks.recommenders.interactions import Ids, Interactions
from stoa.compute.networks.recommenders.neural import Neural
from stoa.core.registry.tables import Approval
from stoa.core.registry.versions import NewVersion
from stoa.solutions.recommend_products.names import FIRST_SHOP, SOLUTION, models_of

USERS, ITEMS, FACTORS = 6040, 3706, 32


def neumf(seed: int) -> Neural:
    """NeuMF-32 with three layers, as in the paper: 32 factors, an MLP of 256, 128, 64, 32."""
    random = np.random.default_rng(seed)

    def made(*shape: int) -> NDArray[np.float32]:
        return (random.standard_normal(shape) * 0.1).astype(np.float32)

    wide = FACTORS * 4
    tensors = {
        "mf.users": made(USERS, FACTORS),
        "mf.items": made(ITEMS, FACTORS),
        "mlp.users": made(USERS, wide),
        "mlp.items": made(ITEMS, wide),
        "output.weight": made(FACTORS * 2),
        "output.bias": made(1),
    }
    sizes = (wide * 2, wide, FACTORS * 2, FACTORS)
    for number, (inner, outer) in enumerate(pairwise(sizes)):
        tensors[f"layers.{number}.weight"] = made(outer, inner)
        tensors[f"layers.{number}.bias"] = made(outer)
    had = random.integers(0, ITEMS, (USERS, 165))
    seen = Interactions.from_pairs(
        np.repeat(np.arange(USERS), 165), had.ravel(), user_count=USERS, item_count=ITEMS
    )
    return Neural(seen, tensors)


async def prepared(home: Path) -> tuple[str, list[str]]:
    """A key, and the ids of two approved versions, in a fresh house at `home`."""
    dispatcher = wiring.build(Settings.load(home=home))
    platform = dispatcher.platform
    made = await platform.accounts.create_workspace("Bench")
    user = await platform.accounts.create_user("bench@example.org", "Bench", None)
    await platform.accounts.set_member(None, made.id, user.id, Role.OWNER)
    owner = Caller(made.id, user.id, Role.OWNER, "Bench")
    _, secret = await platform.accounts.create_key(owner, "bench", scopes=None, role=Role.OWNER)
    versions = []
    for seed in (1, 2):
        model = neumf(seed)
        save_model(model, home / f"model-{seed}", ids=Ids.numbered(USERS, ITEMS))
        artefact = await platform.registry.artefacts.add(owner, home / f"model-{seed}")
        new = NewVersion(kind="neural", status=Approval.APPROVED)
        version = await platform.registry.versions.register(
            owner, models_of(FIRST_SHOP), artefact, new
        )
        versions.append(version.id)
    await dispatcher.call(owner, SOLUTION, "deploy", {"model": versions[0]})
    await platform.inference.close()
    platform.database.close()
    return secret, versions


async def redeploy(home: Path, version: str) -> None:
    """Deploy a version from another process than the one that serves, as a pipeline does."""
    dispatcher = wiring.build(Settings.load(home=home))
    platform = dispatcher.platform
    workspace = (await platform.accounts.all_workspaces())[0].id
    owner = Caller(workspace, "bench", Role.OWNER, "Bench")
    await dispatcher.call(owner, SOLUTION, "deploy", {"model": version})
    await platform.inference.close()
    platform.database.close()


def main() -> None:
    """Serve."""
    settings = Settings.load(home=Path(sys.argv[1]), port=int(sys.argv[2]), log_level="WARNING")
    serve(settings, sample=False, works=False)


if __name__ == "__main__":
    main()
