"""What a kubelet does for a pod beside starting it: files of its volumes, and its log."""

import functools
import http.server
import shutil
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def mount(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files as a kubelet does: all of them change at once, by one link."""
    link = folder / "..data"
    if link.exists() and {each.name: each.read_bytes() for each in link.iterdir()} == files:
        return
    folder.mkdir(parents=True, exist_ok=True)
    old = link.resolve() if link.exists() else None
    number = int(old.name.strip(".")) + 1 if old else 1
    new = folder / f"..{number}"
    new.mkdir()
    for name, content in files.items():
        (new / name).write_bytes(content)
    (folder / "..next").symlink_to(new.name)
    (folder / "..next").replace(link)
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for name in [each.name for each in folder.iterdir() if not each.name.startswith("..")]:
        if name not in files:
            (folder / name).unlink()
    if old:
        shutil.rmtree(old)


class Logs:
    """What `kubectl logs` reads: the kubelet's API, as far as that. `file` says where a pod's log is."""

    def __init__(self, file: Callable[[str], Path]) -> None:
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(_LogsHandler, file)
        )
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self, certificates: Path) -> None:
        """Begin to answer, with the serving certificate of a folder."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates / "serving.crt", certificates / "serving.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


class _LogsHandler(http.server.BaseHTTPRequestHandler):
    """Answers `/containerLogs/NAMESPACE/POD/CONTAINER`."""

    def __init__(self, file: Callable[[str], Path], *args: Any) -> None:
        self._file = file
        super().__init__(*args)

    def do_GET(self) -> None:
        """Hand out a log, or as many of its last lines as are asked for."""
        pod = urllib.parse.urlsplit(self.path).path.split("/")[3]
        lines = self._file(pod).read_bytes().splitlines(keepends=True)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        tail = int(query.get("tailLines", ["0"])[0])
        body = b"".join(lines[-tail:])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
