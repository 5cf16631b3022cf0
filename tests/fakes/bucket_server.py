"""A bucket behind S3's API and Google's XML API, in memory: whole objects, ranges, lists and removal.

Both are asked alike, but for the signatures and for removal: S3 removes many at once, and says nothing of those that
are not there; Google removes one by one, and answers 404. Sources: Amazon, "Amazon S3 API Reference": PutObject,
GetObject, HeadObject, ListObjectsV2, DeleteObjects; Google, "Cloud Storage XML API".
"""

from __future__ import annotations

import hashlib
import re
from email.utils import formatdate
from typing import Final, Self
from xml.sax.saxutils import escape

from aiohttp import web

BUCKET: Final = "calls"
SECRET: Final = "hidden-key"
_MAY: Final = ("AWS4-HMAC-SHA256 Credential=id/", f"Bearer {SECRET}")


class BucketServer:
    """One bucket. Use as `async with`. is_away: it answers 503 to everything. objects: by key, with content types.

    forbids: the methods that the credentials have no right to; `LIST` is one of its own.
    """

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.is_away = False
        self.forbids: set[str] = set()
        self.unsigned = 0
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get(f"/{BUCKET}", self._list)
        app.router.add_put(f"/{BUCKET}/{{key:.+}}", self._put)
        app.router.add_get(f"/{BUCKET}/{{key:.+}}", self._get)
        app.router.add_delete(f"/{BUCKET}/{{key:.+}}", self._delete)
        app.router.add_post(f"/{BUCKET}", self._delete_many)
        app.router.add_route("*", "/{bucket}{key:.*}", self._no_bucket)
        app.middlewares.append(self._doors)
        self._runner = web.AppRunner(app)
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What a client of either kind needs to find it, in the providers' own variables."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "GOOGLE_BASE_URL": self.url,
            "GOOGLE_BEARER_TOKEN": SECRET,
        }

    @web.middleware
    async def _doors(self, request: web.Request, handler: object) -> web.StreamResponse:
        if self.is_away:
            return web.Response(status=503)
        if not request.headers.get("Authorization", "").startswith(_MAY):
            self.unsigned += 1
            return _refusal(403, "InvalidAccessKeyId")
        method = "LIST" if "list-type" in request.query else request.method
        if method in self.forbids:
            return _refusal(403, "AccessDenied")
        response: web.StreamResponse = await handler(request)  # type: ignore[operator]
        return response

    async def _no_bucket(self, request: web.Request) -> web.Response:
        return _refusal(404, "NoSuchBucket")

    async def _put(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.objects[request.match_info["key"]] = body, request.headers.get("Content-Type", "")
        return web.Response(headers={"ETag": _tag(body)})

    async def _get(self, request: web.Request) -> web.Response:
        if (found := self.objects.get(request.match_info["key"])) is None:
            return _refusal(404, "NoSuchKey")
        body, content_type = found
        headers = {"ETag": _tag(body), "Last-Modified": formatdate(usegmt=True), "Content-Type": content_type}
        if "Range" not in request.headers:
            return web.Response(body=body, headers=headers)
        start, end, _ = request.http_range.indices(len(body))
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
        return web.Response(status=206, body=body[start:end], headers=headers)

    async def _delete(self, request: web.Request) -> web.Response:
        if self.objects.pop(request.match_info["key"], None) is None:
            return _refusal(404, "NoSuchKey")
        return web.Response(status=204)

    async def _delete_many(self, request: web.Request) -> web.Response:
        keys = re.findall(r"<Key>([^<]+)</Key>", await request.text())
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{deleted}</DeleteResult>", content_type="application/xml")

    async def _list(self, request: web.Request) -> web.Response:
        keys = sorted(key for key in self.objects if key.startswith(request.query.get("prefix", "")))
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key][0])}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for key in keys
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        return web.Response(text=text, content_type="application/xml")


def _refusal(status: int, code: str) -> web.Response:
    return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>", content_type="application/xml")


def _tag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
