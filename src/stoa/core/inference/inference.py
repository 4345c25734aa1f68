"""Inference: models that answer calls, as processes behind a router. One per process of Stoa."""

from collections.abc import Sequence
from typing import Any

from stoa.base.identity.caller import Caller
from stoa.core.inference.views import Answer, Comparison, EndpointView, Probe, Scaling


class Inference:
    """Deploys model versions to endpoints, and asks them."""

    async def deploy(
        self,
        caller: Caller,
        name: str,
        version_id: str,
        *,
        scaling: Scaling | None = None,
        probes: Sequence[Probe] = (),
    ) -> EndpointView:
        """Make a version the champion of an endpoint, which is made where it is not there yet.

        The version is loaded and must answer all probes first; whatever fails before it is live, what
        served before goes on serving. Calls under way end where they began.

        Raises:
            NotFound: no such version in the caller's workspace.
            Refused: the version is not approved, does not load, or fails a probe.
            Conflict: somebody else changed the endpoint at the same time.
        """
        raise NotImplementedError

    async def challenge(
        self,
        caller: Caller,
        name: str,
        version_id: str,
        *,
        share: float,
        probes: Sequence[Probe] = (),
    ) -> EndpointView:
        """Let a second version answer a share of the users. Raises as `deploy`."""
        raise NotImplementedError

    async def withdraw(self, caller: Caller, name: str) -> EndpointView:
        """End the challenger: the champion answers everybody again. Raises NotFound."""
        raise NotImplementedError

    async def promote(self, caller: Caller, name: str) -> EndpointView:
        """Make the challenger the champion. Raises NotFound, Conflict where there is none."""
        raise NotImplementedError

    async def roll_back(self, caller: Caller, name: str) -> EndpointView:
        """Go back to the champion before; a challenger is withdrawn. Raises as `deploy`."""
        raise NotImplementedError

    async def remove(self, caller: Caller, name: str) -> None:
        """Take an endpoint down; removing none is no error."""
        raise NotImplementedError

    async def endpoint(self, caller: Caller, name: str) -> EndpointView:
        """One endpoint with its live figures. Raises NotFound."""
        raise NotImplementedError

    async def endpoints(self, caller: Caller) -> list[EndpointView]:
        """The endpoints of the caller's workspace, by name."""
        raise NotImplementedError

    async def ask(
        self, caller: Caller, name: str, method: str, payload: Any, *, user: str = ""
    ) -> Answer:
        """Ask an endpoint; batched with what others ask at the same moment.

        Args:
            name: of the endpoint.
            method: what the model is asked for, such as `rank`.
            payload: plain JSON values, as the model's kind takes them.
            user: whom the answer is for: the same user gets the same arm. Empty: by chance.

        Raises:
            NotFound: no such endpoint, or what the model says so of.
            InvalidInput: the model refuses the payload.
            LimitReached: too many calls wait.
            ProviderError: it did not answer in time, on any replica; trying again may help.
        """
        raise NotImplementedError

    async def feedback(self, caller: Caller, ticket: str) -> bool:
        """Count a click on an answer; False where it was counted before.

        Raises NotFound: a ticket of no answer of this workspace, or one that is too old.
        """
        raise NotImplementedError

    async def compare(self, caller: Caller, name: str) -> Comparison:
        """Champion and challenger by what people did. Raises NotFound."""
        raise NotImplementedError
