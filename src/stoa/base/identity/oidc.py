"""Signing in by OpenID Connect: authorization code with PKCE, and a checked id token.

Two steps that know no transport: `begin` gives the address to send the browser to and a sealed value
for a cookie; `finish` takes the callback's parameters and that cookie and gives a session token. The
cookie binds the answer to the browser that asked; its state is good once.

The person is the one with the e-mail address that the issuer says it has verified.
"""

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from itsdangerous import BadSignature, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from stoa.base.errors import Forbidden, NotFound, NotSignedIn, SetupError
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.caller import Role
from stoa.base.identity.people import UserView
from stoa.base.identity.spent import spend
from stoa.base.settings import Settings

STATE_SECONDS: Final = 600
_LEEWAY = 60
_KEEP_METADATA = 3600.0
_REFETCH_KEYS = 30.0
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_SCOPE = "openid email profile"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Begun:
    """Where to send the browser, and what to set as an HttpOnly cookie (SameSite=Lax, 10 min)."""

    url: str
    cookie: str


@dataclass(frozen=True)
class Finished:
    """A session token, and the local path that the person wanted to see."""

    session: str
    return_to: str


class OpenIdConnect:
    """Sign-in at the one issuer that the settings name."""

    def __init__(
        self, settings: Settings, accounts: Accounts, *, secret: bytes, redirect_url: str
    ) -> None:
        """Nothing is fetched yet.

        Args:
            settings: `oidc_issuer`, `oidc_client_id`, `oidc_client_secret`, `oidc_workspace`.
            accounts: where people are found, made and given sessions.
            secret: seals the cookie.
            redirect_url: the callback's public address, registered with the issuer.

        Raises:
            SetupError: no client id, or an issuer that is neither https nor on loopback.
        """
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        client_secret = settings.oidc_client_secret
        self._client_secret = client_secret.get_secret_value() if client_secret else None
        self._workspace = settings.oidc_workspace
        self._accounts = accounts
        self._redirect_url = redirect_url
        self._cookies = URLSafeTimedSerializer(
            secret, salt="stoa.oidc.state", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._metadata: dict[str, Any] = {}
        self._metadata_until = 0.0
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        if not self._client_id:
            raise SetupError("STOA_OIDC_CLIENT_ID is empty.", hint="Register Stoa at the issuer.")
        _check_address(self._issuer)

    async def begin(self, return_to: str = "/") -> Begun:
        """Start a sign-in that ends at the local path `return_to`.

        Raises SetupError where the issuer does not answer.
        """
        metadata = await self._discover()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        sealed = self._cookies.dumps([state, nonce, verifier, _local(return_to)])
        return Begun(url, sealed.decode() if isinstance(sealed, bytes) else sealed)

    async def finish(self, parameters: Mapping[str, str], cookie: str) -> Finished:
        """Complete a sign-in from the callback's query parameters and the cookie of `begin`.

        Raises:
            NotSignedIn: refused at the issuer, forged, expired, replayed, or an id token that does
                not hold.
            Forbidden: the address is not verified, or belongs to nobody here and nobody may join.
            SetupError: the issuer does not answer.
        """
        state, nonce, verifier, return_to = self._open_cookie(parameters, cookie)
        await self._spend(state)
        if "error" in parameters:
            raise NotSignedIn(
                "The issuer refused the sign-in.", hint="Try again, or ask its people."
            )
        if parameters.get("iss", self._issuer) != self._issuer:  # RFC 9207
            raise _untrusted()
        token = await self._fetch_token(parameters.get("code", ""), verifier)
        claims = await self._checked_claims(token.get("id_token"), nonce)
        user = await self._user(_verified_email(claims), str(claims.get("name") or ""))
        return Finished(await self._accounts.open_session(user.id), return_to)

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self._client_id,
            self._client_secret,
            scope=_SCOPE,
            redirect_uri=self._redirect_url,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._client_secret else "none",
            timeout=10.0,
        )

    def _open_cookie(self, parameters: Mapping[str, str], cookie: str) -> tuple[str, str, str, str]:
        try:
            state, nonce, verifier, return_to = self._cookies.loads(cookie, max_age=STATE_SECONDS)
        except BadSignature as error:
            raise _untrusted() from error
        if not secrets.compare_digest(state.encode(), parameters.get("state", "").encode()):
            raise _untrusted()
        return state, nonce, verifier, return_to

    async def _spend(self, state: str) -> None:
        try:
            await spend(self._accounts.database, f"oidc {state}", seconds=STATE_SECONDS)
        except NotFound as error:
            raise _untrusted() from error

    async def _fetch_token(self, code: str, verifier: str) -> Mapping[str, Any]:
        metadata = await self._discover()
        try:
            async with self._client() as client:
                token: Mapping[str, Any] = await client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                )
        except OAuthError as error:
            raise _untrusted() from error
        except (httpx.HTTPError, ValueError) as error:
            raise self._silent() from error
        return token

    async def _checked_claims(self, id_token: object, nonce: str) -> dict[str, Any]:
        """The claims of an id token, checked as OpenID Connect Core 3.1.3.7 asks."""
        if not isinstance(id_token, str):
            raise _untrusted()
        offered = (await self._discover()).get("id_token_signing_alg_values_supported", ["RS256"])
        allowed = [each for each in _ALGORITHMS if each in offered]
        try:
            token = await self._decode(id_token, allowed)
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(token.claims)
        except (JoseError, ValueError) as error:
            raise _untrusted() from error
        audience = token.claims["aud"]
        alone = isinstance(audience, str) or len(audience) == 1
        party = token.claims.get("azp", self._client_id if alone else None)
        if party != self._client_id:
            raise _untrusted()
        return token.claims

    async def _decode(self, id_token: str, algorithms: list[str]) -> jwt.Token:
        """Verify the signature; where no key fits, the issuer may have changed its keys."""
        keys = await self._key_set(renew=False)
        try:
            return jwt.decode(id_token, keys, algorithms=algorithms)
        except (JoseError, ValueError):
            if time.monotonic() - self._keys_at < _REFETCH_KEYS:
                raise
        return jwt.decode(id_token, await self._key_set(renew=True), algorithms=algorithms)

    async def _key_set(self, *, renew: bool) -> KeySet:
        if self._keys is None or renew:
            metadata = await self._discover()
            self._keys = KeySet.import_key_set(await self._get_json(metadata["jwks_uri"]))
            self._keys_at = time.monotonic()
        return self._keys

    async def _discover(self) -> dict[str, Any]:
        if time.monotonic() >= self._metadata_until:
            address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            found = await self._get_json(address)
            if found.get("issuer") != self._issuer:
                raise SetupError(
                    "The sign-in service names itself differently from STOA_OIDC_ISSUER.",
                    hint="Write the issuer exactly as its discovery document does.",
                )
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _check_address(str(found.get(name, "")))
            self._metadata = found
            self._metadata_until = time.monotonic() + _KEEP_METADATA
        return self._metadata

    async def _get_json(self, address: str) -> Any:
        try:
            async with httpx.AsyncClient(timeout=10.0) as client:
                response = await client.get(address)
                response.raise_for_status()
                return response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._silent() from error

    def _silent(self) -> SetupError:
        return SetupError(
            f"The sign-in service {self._issuer} does not answer as it should.",
            hint="Try again; if it stays, check STOA_OIDC_ISSUER.",
        )

    async def _user(self, email: str, name: str) -> UserView:
        """Who has that address; made a member of the workspace that the settings open."""
        try:
            user = await self._accounts.user_by_email(email)
        except NotFound as error:
            if not self._workspace:
                raise Forbidden(
                    "Nobody here has your e-mail address.", hint="Ask an owner to invite you."
                ) from error
            user = await self._accounts.create_user(email, name or email.split("@")[0], None)
        if self._workspace:
            known = {each.id for each in await self._accounts.workspaces(user.id)}
            if self._workspace not in known:
                await self._accounts.set_member(None, self._workspace, user.id, Role.MEMBER)
        return user


def _verified_email(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        raise Forbidden(
            "The sign-in service has not verified your e-mail address.",
            hint="Confirm the address there, then sign in again.",
        )
    return email


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise SetupError(
            f"The sign-in address '{address}' is not safe.",
            hint="It takes https (or http on this machine).",
        )


def _local(path: str) -> str:
    """A path on this host, or the front page: the sign-in is no open redirect."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside and "\\" not in path else "/"


def _untrusted() -> NotSignedIn:
    return NotSignedIn(
        "This sign-in could not be confirmed.", hint="Start again from the sign-in page."
    )
