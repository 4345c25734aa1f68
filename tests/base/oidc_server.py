"""A small OpenID Connect issuer, run as a process: `python oidc_server.py PORT`.

It signs in whoever asks, as the person that the client id describes, and can be told to misbehave: the
client id is `stoa` or `stoa-{fault}`, so that a test needs no other channel into the process.
"""

import base64
import hashlib
import hmac
import secrets
import sys
import time
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
STRANGER = RSAKey.generate_key(2048, {"kid": "first"})
CLIENT_SECRET = "client secret of the test"
codes: dict[str, dict[str, str]] = {}
signing = {"key": KEY}


def issuer(request: Request) -> str:
    return f"http://127.0.0.1:{request.url.port}"


async def discovery(request: Request) -> Response:
    base = issuer(request)
    return JSONResponse(
        {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "response_types_supported": ["code"],
        }
    )


async def keys(_request: Request) -> Response:
    return JSONResponse({"keys": [signing["key"].as_dict(private=False)]})


async def rotate(_request: Request) -> Response:
    """Change the signing key, as issuers do from time to time."""
    signing["key"] = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})
    return JSONResponse({})


async def authorize(request: Request) -> Response:
    asked = dict(request.query_params)
    if asked["response_type"] != "code" or asked["code_challenge_method"] != "S256":
        return JSONResponse({"error": "invalid_request"}, 400)
    back = f"{asked['redirect_uri']}?state={asked['state']}&iss={issuer(request)}"
    if asked["client_id"] == "stoa-refused":
        return RedirectResponse(f"{back}&error=access_denied")
    code = secrets.token_urlsafe(16)
    codes[code] = asked
    return RedirectResponse(f"{back}&code={code}")


async def token(request: Request) -> Response:
    form = await request.form()
    asked = codes.pop(str(form.get("code")), None)
    if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
        return JSONResponse({"error": "invalid_grant"}, 400)
    digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
        return JSONResponse({"error": "invalid_grant"}, 400)
    login = base64.b64encode(f"{asked['client_id']}:{CLIENT_SECRET}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {login}":
        return JSONResponse({"error": "invalid_client"}, 401)
    fault = asked["client_id"].removeprefix("stoa").removeprefix("-")
    answer = {"access_token": "x", "token_type": "Bearer"}
    if fault != "no_token":
        answer["id_token"] = id_token(issuer(request), asked, fault)
    return JSONResponse(answer)


def id_token(base: str, asked: dict[str, str], fault: str) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": base,
        "sub": "person-1",
        "aud": asked["client_id"],
        "iat": now,
        "exp": now + 300,
        "nonce": asked["nonce"],
        "email": "Olga@Example.org",
        "email_verified": True,
        "name": "Olga",
    }
    faults: dict[str, dict[str, Any]] = {
        "bad_nonce": {"nonce": "another"},
        "wrong_audience": {"aud": "someone-else"},
        "foreign_party": {"aud": [asked["client_id"], "other"], "azp": "other"},
        "two_audiences": {"aud": [asked["client_id"], "other"]},
        "wrong_issuer": {"iss": "https://elsewhere.example.org"},
        "expired": {"iat": now - 900, "exp": now - 600},
        "from_the_future": {"iat": now + 900},
        "unverified": {"email_verified": False},
        "verified_as_text": {"email_verified": "false"},
        "no_email": {"email": None},
    }
    claims |= faults.get(fault, {})
    if fault == "no_nonce":
        del claims["nonce"]
    if fault == "unsigned":
        return unsigned(claims)
    if fault == "signed_by_public_key":
        return symmetric(claims)
    key = STRANGER if fault == "strange_key" else signing["key"]
    return jwt.encode({"alg": "RS256", "kid": key.kid or ""}, claims, key)


def unsigned(claims: dict[str, Any]) -> str:
    signed = jwt.encode({"alg": "RS256"}, claims, KEY)
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{header}.{signed.split('.')[1]}."


def symmetric(claims: dict[str, Any]) -> str:
    """The old trick: HS256 with the public key, which everybody knows, as the shared secret."""
    payload = jwt.encode({"alg": "RS256"}, claims, KEY).split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"first"}').rstrip(b"=").decode()
    mac = hmac.new(KEY.as_pem(private=False), f"{header}.{payload}".encode(), "sha256").digest()
    return f"{header}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


application = Starlette(
    routes=[
        Route("/.well-known/openid-configuration", discovery),
        Route("/keys", keys),
        Route("/authorize", authorize),
        Route("/token", token, methods=["POST"]),
        Route("/rotate", rotate, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
