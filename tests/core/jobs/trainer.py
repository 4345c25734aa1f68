"""A process that trains, for tests: its recipe says how long, what it writes, and how it ends.

`python -m tests.core.jobs.trainer --folder F`. It counts its starts in `starts.txt`, keeps its step in
a checkpoint, and goes on from there.
"""

import json
import os
import signal
import subprocess
import sys
import time

from stoa.core.jobs.folder import RunFolder, write_whole


def main() -> None:
    """Work as the recipe says."""
    folder = RunFolder.from_arguments()
    recipe = folder.recipe()
    with (folder.path / "starts.txt").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if recipe.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(recipe.get("grandchildren", 0)):
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
        )
    kept = bytearray(recipe.get("memory_mb", 0) * 2**20)
    kept[::4096] = b"x" * len(kept[::4096])
    checkpoint = folder.checkpoints / "step.json"
    first = json.loads(checkpoint.read_text())["step"] + 1 if checkpoint.exists() else 0
    folder.go_back(first - 1)
    steps = recipe.get("steps", 3)
    for step in range(first, steps):
        time.sleep(recipe.get("seconds", 0.0))
        folder.metric(step, loss=1 / (step + 1))
        print(f"epoch {step}: HR={step / 10:.2f}; NDCG={step / 20:.3f};", flush=True)
        folder.progress(f"step {step + 1} of {steps}", step + 1, steps)
        write_whole(checkpoint, json.dumps({"step": step}))
        if step == recipe.get("dies_at") and first == 0:
            print("Authorization: Bearer abcdefghijklmnop")
            if "says" in recipe:
                folder.fail(recipe["says"], "Fetch it again with Bearer abcdefghijklmnop.")
            sys.exit(recipe.get("code", 3))
    (folder.artefacts / "model.txt").write_text(f"{steps} steps")
    if not recipe.get("silent"):
        folder.finish({"HR": (steps - 1) / 10}, {"first": first})


if __name__ == "__main__":
    main()
