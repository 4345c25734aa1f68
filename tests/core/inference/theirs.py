"""An application of Ray Serve that somebody else runs on the cluster. Imported there, and nowhere else."""

from importlib import import_module


class Hello:
    """Answers anything."""

    async def __call__(self, _: object) -> str:
        """Say so."""
        return "hello"


application = import_module("ray.serve").deployment(Hello).bind()
