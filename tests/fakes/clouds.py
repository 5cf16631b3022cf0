"""Buckets to keep artefacts in: in memory in this process, or behind servers that others wrote.

moto (S3) and azurite (Azure's Blob Storage) are programs that `make test-clouds` installs: hundreds of megabytes. A
server of Google's XML API was not found to install; it is S3's but for signatures, so moto answers it, given a token
that it takes for one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final, Protocol

import aiohttp

from tests.fakes.bucket_server import BUCKET, SECRET, BucketServer
from tests.fakes.controller import free_tcp_port

FOLDERS: Final = "TEST_CLOUDS"
"""The variable that says where the programs are, as PATH does."""
_AZURE_ACCOUNT: Final = "devstoreaccount1"
_AZURE_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's, of its documentation."""
_MOTO_TOKEN: Final = "Credential=hidden-key/20260101/us-east-1/s3/aws4_request"
_READY_S: Final = 60.0


class Cloud(Protocol):
    """A bucket. place: its URL. secret: one of its environment."""

    place: str
    secret: str

    @property
    def environment(self) -> Mapping[str, str]:
        """How it is found, in the provider's own variables."""

    async def go(self) -> None:
        """Be out of reach."""

    async def come_back(self) -> None:
        """Be reached again, with an empty bucket at least."""


@dataclass
class InMemory:
    """The bucket of a BucketServer."""

    place: str
    server: BucketServer
    secret: str = SECRET

    @property
    def environment(self) -> Mapping[str, str]:
        """As Cloud has it."""
        return self.server.environment

    async def go(self) -> None:
        """As Cloud has it."""
        self.server.is_away = True

    async def come_back(self) -> None:
        """As Cloud has it."""
        self.server.is_away = False


@dataclass
class Program:
    """A server in a process of its own, which forgets everything when it ends.

    bucket_path: what a PUT makes the bucket with. account: that of Azure, which wants that signed.
    """

    place: str
    command: Sequence[str]
    port: int
    environment: Mapping[str, str]
    secret: str
    bucket_path: str
    account: str = ""
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def go(self) -> None:
        """As Cloud has it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def come_back(self) -> None:
        """As Cloud has it."""
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(*self.command, stdin=quiet, stdout=quiet, stderr=quiet)
        url = f"http://127.0.0.1:{self.port}{self.bucket_path}"
        async with asyncio.timeout(_READY_S), aiohttp.ClientSession() as http:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.put(url, headers=self._signed()) as response:
                        assert response.status in {200, 201}, await response.text()
                        return
                await asyncio.sleep(0.1)

    def _signed(self) -> Mapping[str, str]:
        """Azure's "Shared Key" over the request that makes a container; moto looks at no signature."""
        date, version = formatdate(usegmt=True), "2021-12-02"
        of = f"/{self.account}{self.bucket_path.partition('?')[0]}\nrestype:container"
        text = f"PUT\n\n\n\n\nx/y\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n{of}"
        signature = base64.b64encode(hmac.digest(base64.b64decode(_AZURE_KEY), text.encode(), "sha256")).decode()
        azure = {"Content-Type": "x/y", "x-ms-date": date, "x-ms-version": version}
        return azure | {"Authorization": f"SharedKey {self.account}:{signature}"} if self.account else {}


def _moto(cloud: str, program: str) -> Program:
    port = free_tcp_port()
    url = f"http://127.0.0.1:{port}"
    environments = {
        "s3": {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        },
        "gs": {"GOOGLE_BASE_URL": url, "GOOGLE_BEARER_TOKEN": _MOTO_TOKEN},
    }
    command = (program, "-H", "127.0.0.1", "-p", str(port))
    return Program(f"{cloud}://{BUCKET}/our", command, port, environments[cloud], SECRET, f"/{BUCKET}")


def _azurite(cloud: str, program: str) -> Program:
    port = free_tcp_port()
    environment = {
        "AZURE_STORAGE_ACCOUNT_NAME": _AZURE_ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": _AZURE_KEY,
        "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{_AZURE_ACCOUNT}",
    }
    options = ("--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--skipApiVersionCheck")
    container = f"/{_AZURE_ACCOUNT}/{BUCKET}?restype=container"
    place = f"{cloud}://{BUCKET}/our"
    return Program(place, (program, *options), port, environment, _AZURE_KEY, container, account=_AZURE_ACCOUNT)


_PROGRAMS: Final = {"moto_server": _moto, "azurite-blob": _azurite}


def missing(program: str) -> str:
    """Why a cloud cannot be had; `""` where it can. program: "" for the one of this process."""
    return f"{program} is a matter of `make test-clouds`" if program and not _found(program) else ""


def _found(program: str) -> str:
    return shutil.which(program, path=os.environ.get(FOLDERS, "")) or ""


@contextlib.asynccontextmanager
async def cloud(kind: str, program: str) -> AsyncIterator[Cloud]:
    """A bucket that can be reached. kind: s3, gs or az; program: moto_server, azurite-blob, or "" for this process."""
    if not program:
        async with BucketServer() as server:
            yield InMemory(f"{kind}://{BUCKET}/our", server)
        return
    made = _PROGRAMS[program](kind, _found(program))
    try:
        await made.come_back()
        yield made
    finally:
        await made.go()
