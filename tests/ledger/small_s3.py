"""A small S3 in this process: buckets that are made as they are named, objects, and lists of them.

As much of the protocol as an archive speaks. The same tests have passed with moto, a whole S3; that can't stand among
our tools, as what it is built on wants an older python-dateutil than we run on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

#: What it has, by bucket and key: its path.
Objects = dict[str, bytes]


@contextmanager
def small_s3(bucket: str) -> Iterator[tuple[str, Objects]]:
    """Its URL and what it has, of which a test may take away. There is no other bucket."""
    objects: Objects = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if not self._path().startswith(f"/{bucket}/"):
                self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
                return
            assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=some-key/")
            objects[self._path()] = content
            self._answer(200)

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            if "list-type" in asked:
                self._answer(200, _listed(objects, bucket, asked["prefix"][0], asked.get("delimiter")))
            elif self._path() in objects:
                self._answer(200, objects[self._path()])
            else:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

        def _path(self) -> str:
            return unquote(urlsplit(self.path).path)

        def _answer(self, status: int, content: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", '"some"')
            self.send_header("Last-Modified", "Wed, 25 Nov 2026 12:00:00 GMT")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", objects
        finally:  # also of a test that fails: its thread would keep the whole run from ending
            server.shutdown()
            thread.join()


def _listed(objects: Objects, bucket: str, prefix: str, delimiter: list[str] | None) -> bytes:
    keys = sorted(path.removeprefix(f"/{bucket}/") for path in objects)
    found = [key for key in keys if key.startswith(prefix)]
    folders = {prefix + key.removeprefix(prefix).split("/")[0] + "/" for key in found} if delimiter else ()
    contents = "" if delimiter else "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(objects[f'/{bucket}/{key}'])}</Size>"
        "<LastModified>2026-11-25T12:00:00Z</LastModified></Contents>"
        for key in found
    )  # fmt: skip
    below = "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(folders))
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{below}</ListBucketResult>".encode()
