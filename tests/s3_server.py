"""A store that speaks S3 on loopback, in memory: moto's."""

import contextlib
from collections.abc import Iterator
from importlib import import_module

import httpx


class S3Server:
    """The store, and what a process needs in its environment to reach it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.environment = {
            "AWS_ENDPOINT": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
        }

    def put(self, bucket: str, key: str, content: bytes) -> str:
        """Store an object; its address."""
        for path, body in ((bucket, b""), (f"{bucket}/{key}", content)):
            url = f"{self._address}/{path}"
            headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/d/us-east-1/s3/x"}
            httpx.put(
                url, content=body, headers=headers, trust_env=False, timeout=60
            ).raise_for_status()
        return f"s3://{bucket}/{key}"

    def refuse(self) -> None:
        """From now on believe no signature: those of unknown keys are refused."""
        url = f"{self._address}/moto-api/reset-auth"
        httpx.post(url, content=b"0", trust_env=False, timeout=60).raise_for_status()


@contextlib.contextmanager
def running_s3() -> Iterator[S3Server]:
    """An empty store for the time of the block. Raises ImportError where moto is not installed."""
    server = import_module("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for path, body in (("reset", b""), ("reset-auth", b"inf")):  # kept by the process
            url = f"http://{host}:{port}/moto-api/{path}"
            httpx.post(url, content=body, trust_env=False, timeout=60).raise_for_status()
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
