"""The way to the API server: configuration, TLS and tokens by `kubernetes`, answers as plain JSON.

The `kubernetes` package reads kubeconfig files, runs credential plugins, renews tokens and sets up
proxies. Its models are left aside: decoding a list into them costs some fifty times what orjson
takes for the same bytes, and they hide which fields were there.

Connect after the fork: a credential that a kubeconfig file holds inline is written to a temporary
file, which the process that wrote it removes at its end.
"""

import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from webhook import __version__
from webhook.core.model.marks import FIELD_MANAGER
from webhook.core.model.objects import Json, JsonObject

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration
    from urllib3 import BaseHTTPResponse

_JSON = "application/json"
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_CONNECTIONS = 100
_LONGEST_ANSWER = 4096


class ClusterError(Exception):
    """The API server could not be asked, or gave no answer that can be used."""


class ConfigurationError(ClusterError):
    """Where the API server is, or who we are, cannot be told from what was given."""


class ApiError(ClusterError):
    """The API server answered with an error.

    `status` is the HTTP status, `retry_after` the seconds that the server asked to wait, `words`
    what it said.
    """

    def __init__(self, message: str, status: int, retry_after: float = 0, words: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.words = words or message


class SilenceError(ClusterError):
    """A watch brought no byte for so long that its connection may be dead, or nothing happens."""


class Api:
    """Requests to one API server, as one identity; threads may share it.

    Nothing is retried in here: who asks knows whether a second attempt is worth the time.
    """

    def __init__(self, client: "ApiClient") -> None:
        self._client = client
        self._configuration = client.configuration
        self._pool = client.rest_client.pool_manager
        self.host = str(self._configuration.host).rstrip("/")
        self._told: tuple[str, float] | None = None

    def now(self) -> datetime:
        """Return the time by the API server's clock, as its last answer told it; ours before that.

        What it verifies, a certificate above all, is valid or not by that clock.
        """
        told = self._told
        if told:
            with suppress(ValueError):
                then = parsedate_to_datetime(told[0]).astimezone(UTC)
                return then + timedelta(seconds=time.monotonic() - told[1])
        return datetime.now(UTC)

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def check(self, timeout: float = 5) -> str:
        """Return the server's version, to find out whether it can be reached at all.

        Raises:
            ClusterError: it cannot, or it refuses us.
        """
        version = self.get("/version", timeout=timeout)
        return str(version.get("gitVersion", "")) if isinstance(version, Mapping) else ""

    def get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, timeout: float
    ) -> Json:
        """Return the decoded answer to a GET.

        Raises:
            ApiError: the server answered with an error.
            ClusterError: it gave no answer in `timeout` seconds, or none that is JSON.
        """
        with self._request("GET", path, query, None, (timeout, timeout)) as response:
            return self._json("GET", path, response)

    def text(self, path: str, query: Mapping[str, str | int], *, timeout: float) -> str:
        """Return the answer to a GET as it is; errors as for `get`, but for JSON."""
        with self._request("GET", path, query, None, (timeout, timeout)) as response:
            return self._read("GET", path, response).decode(errors="replace")

    def find(self, path: str, *, timeout: float) -> Json:
        """Return the decoded object at a path, None when there is none.

        Raises:
            ClusterError: as `get`, a 404 excepted.
        """
        try:
            return self.get(path, timeout=timeout)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def post(self, path: str, body: JsonObject, *, timeout: float) -> Json:
        """Return the decoded answer to a POST; errors as for `get`."""
        return self._send("POST", path, None, body, timeout)

    def put(self, path: str, body: JsonObject, *, timeout: float) -> Json:
        """Replace the object at a path; with a resourceVersion in it, only that very version.

        Raises:
            ApiError: as for `get`; status 409 when it has changed meanwhile.
            ClusterError: as for `get`.
        """
        query = {"fieldManager": FIELD_MANAGER}
        return self._send("PUT", path, query, body, timeout)

    def merge(self, path: str, body: JsonObject, *, timeout: float) -> Json:
        """Send a JSON merge patch; with a resourceVersion in it, only that very version is changed.

        Raises:
            ApiError: as for `get`; status 409 when it has changed meanwhile.
            ClusterError: as for `get`.
        """
        query = {"fieldManager": FIELD_MANAGER}
        return self._send("PATCH", path, query, body, timeout, _MERGE)

    def apply(
        self,
        path: str,
        body: JsonObject,
        *,
        timeout: float,
        force: bool = True,
        manager: str = FIELD_MANAGER,
    ) -> Json:
        """Apply an object server-side: it is created, or made to have these fields.

        Args:
            path: the URL path of the object itself.
            body: the fields that are ours, all of them: one that was applied before and is left out
                now is removed.
            timeout: seconds to wait for the answer.
            force: take over fields that others own; without, status 409 says who they are.
            manager: as whom to own the fields.

        Raises:
            ApiError: as for `get`; status 409 on a conflict of owners or versions.
            ClusterError: as for `get`.
        """
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        return self._send("PATCH", path, query, body, timeout, _APPLY)

    def delete(self, path: str, body: JsonObject | None = None, *, timeout: float) -> Json:
        """Delete the object at a path; `body` are DeleteOptions. None when there is none.

        Raises:
            ClusterError: as `get`, a 404 excepted.
        """
        try:
            return self._send("DELETE", path, None, body, timeout)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: JsonObject | None,
        timeout: float,
        content: str = _JSON,
    ) -> Json:
        data = None if body is None else orjson.dumps(body)
        with self._request(method, path, query, data, (timeout, timeout), content) as response:
            return self._json(method, path, response)

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, str | int], *, connect: float, silence: float
    ) -> Iterator["Lines"]:
        """Open a watch: an answer of one JSON value a line, without end.

        Args:
            path: what to watch.
            query: parameters of the URL.
            connect: seconds in which the server has to accept the connection.
            silence: seconds without a byte after which the connection is taken for dead.

        Raises:
            ApiError: the server answered with an error.
            ClusterError: it gave no answer.
        """
        with self._request("GET", path, query, None, (connect, silence)) as response:
            yield Lines(response, f"GET {self.host}{path}")

    @contextmanager
    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: bytes | None,
        timeout: tuple[float, float],
        content: str = _JSON,
    ) -> Iterator["BaseHTTPResponse"]:
        import urllib3

        url = f"{self.host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": _JSON, "User-Agent": f"tenantgate/{__version__}"}
        if body is not None:
            headers["Content-Type"] = content
        headers |= self._authorization()
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ClusterError(f"{method} {self.host}{path}: {_reason(error)}") from error
        if date := response.headers.get("Date"):
            self._told = date, time.monotonic()
        try:
            if not 200 <= response.status < 300:
                raise self._refused(method, path, response)
            yield response
        finally:
            response.close()

    def _authorization(self) -> dict[str, str]:
        # Asking for the settings also renews a token that is about to expire.
        from kubernetes.config import ConfigException

        try:
            settings = self._configuration.auth_settings().values()
        except (ConfigException, OSError, ValueError) as error:
            raise ClusterError(f"no credentials for {self.host}: {error}") from error
        return {
            setting["key"]: setting["value"]
            for setting in settings
            if setting["in"] == "header" and setting["value"]
        }

    def _json(self, method: str, path: str, response: "BaseHTTPResponse") -> Json:
        try:
            return orjson.loads(self._read(method, path, response))
        except orjson.JSONDecodeError as error:
            where = f"{method} {self.host}{path}"
            raise ClusterError(f"{where}: the answer is not JSON: {error}") from error

    def _read(self, method: str, path: str, response: "BaseHTTPResponse") -> bytes:
        import urllib3

        try:
            return response.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ClusterError(f"{method} {self.host}{path}: {_reason(error)}") from error

    def _refused(self, method: str, path: str, response: "BaseHTTPResponse") -> ApiError:
        import urllib3

        try:
            text = response.read(_LONGEST_ANSWER)
        except (urllib3.exceptions.HTTPError, OSError):
            text = b""
        try:
            status = orjson.loads(text)
        except orjson.JSONDecodeError:
            status = None
        message = status.get("message") if isinstance(status, dict) else None
        after = response.headers.get("Retry-After", "")
        words = str(message or text.decode(errors="replace").strip() or response.reason or "")
        return ApiError(
            f"{method} {self.host}{path}: {response.status} {words}".rstrip(),
            response.status,
            float(after) if after.isascii() and after.isdigit() else 0,
            words,
        )


class Lines:
    """The lines of an endless answer; another thread may end it."""

    def __init__(self, response: "BaseHTTPResponse", what: str) -> None:
        self._response = response
        self._what = what
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line that is not empty, as soon as it is complete.

        Raises:
            SilenceError: nothing came for as long as was agreed.
            ClusterError: the connection broke, or ended within a line.
        """
        import urllib3

        rest = b""
        try:
            for chunk in self._response.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from filter(None, lines)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise SilenceError(f"{self._what}: nothing was heard for long") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # Whoever ends the answer from another thread takes the socket away under the reader,
            # which surfaces as almost anything.
            if not self._ended:
                raise ClusterError(f"{self._what}: {_reason(error)}") from error
            return
        if rest and not self._ended:
            raise ClusterError(f"{self._what}: the answer ended within a line")

    def end(self) -> None:
        """Make the reading thread stop, even while it waits for a byte."""
        self._ended = True
        try:
            self._response.shutdown()
        except (OSError, RuntimeError, ValueError, NotImplementedError):
            # It has ended already.
            return


def path_of(*segments: str) -> str:
    """Return the URL path of these segments, each escaped."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def namespace_path(name: str, *inside: str) -> str:
    """Return the URL path of a namespace, or of what is inside it and of the core group."""
    return path_of("api", "v1", "namespaces", name, *inside)


def connect(kubeconfig: Path | None = None, context: str = "") -> Api:
    """Return a way to the API server that a kubeconfig file names, or that we run in.

    With neither a file nor a context it is the cluster around us, as every pod finds it. A context
    alone is looked for in the files of `$KUBECONFIG`, or else in `~/.kube/config`, as by kubectl.

    Nothing is sent yet: `Api.check` does that.

    Raises:
        ConfigurationError: no such file or context, or what they say cannot be used.
    """
    import yaml
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException

    configuration = Configuration()
    source = "the cluster around us"
    try:
        if kubeconfig or context:
            source = str(kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")
            _from_file(configuration, source, context)
        else:
            _from_pod(configuration)
        configuration.connection_pool_maxsize = _CONNECTIONS
        client = ApiClient(configuration)
        if kubeconfig or context:
            _keep_credentials(client, configuration)
    except ConfigurationError:
        raise
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{source}: not YAML: {_one_line(error)}") from error
    except (ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(f"{source}: cannot be used: {_one_line(error)}") from error
    return Api(client)


def connect_as_kubectl(kubeconfig: Path | None = None, context: str = "") -> Api:
    """Return a way to the API server that kubectl would take.

    Where no file is named it is the cluster of `$KUBECONFIG` or `~/.kube/config`, or, in a pod that
    has no such file, the one around us.

    Raises:
        ConfigurationError: as for `connect`.
    """
    if kubeconfig is None and not context:
        named = os.environ.get("KUBECONFIG") or "~/.kube/config"
        found = any(Path(part).expanduser().is_file() for part in named.split(os.pathsep) if part)
        if found or not os.environ.get("KUBERNETES_SERVICE_HOST"):
            kubeconfig = Path(named)
    return connect(kubeconfig, context)


def _from_file(configuration: "Configuration", source: str, context: str) -> None:
    from kubernetes import config

    places = [Path(part).expanduser() for part in source.split(os.pathsep) if part]
    if not any(place.is_file() for place in places):
        raise ConfigurationError(
            f"{source}: no such kubeconfig file; name an existing one with --kubeconfig"
        )
    files = os.pathsep.join(str(place) for place in places)
    contexts, current = _contexts(files, source)
    if context and context not in contexts:
        known = ", ".join(contexts) or "none"
        raise ConfigurationError(f'{source}: no context "{context}"; it has: {known}')
    if not context and current not in contexts:
        raise ConfigurationError(
            f"{source}: no current context; choose with --kube-context one of: "
            f"{', '.join(contexts) or 'none'}"
        )
    config.load_kube_config(  # type: ignore[no-untyped-call]
        config_file=files,
        context=context or None,
        client_configuration=configuration,
        persist_config=False,
    )


def _contexts(files: str, source: str) -> tuple[list[str], str]:
    """Return the names of the contexts in kubeconfig files, and the current one or nothing."""
    import yaml

    names: dict[str, None] = {}
    current = ""
    for file in files.split(os.pathsep):
        if not Path(file).is_file():
            continue
        loaded: Any = yaml.safe_load(Path(file).read_text())
        if not isinstance(loaded, dict):
            raise ConfigurationError(f"{source}: {file} is no kubeconfig file: it holds no map")
        for item in loaded.get("contexts") or []:
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                names[item["name"]] = None
        current = current or str(loaded.get("current-context") or "")
    return list(names), current


def _from_pod(configuration: "Configuration") -> None:
    from kubernetes import config

    if not os.environ.get("KUBERNETES_SERVICE_HOST"):
        raise ConfigurationError(
            "not inside a cluster ($KUBERNETES_SERVICE_HOST is not set); "
            "name one with --kubeconfig FILE or --kube-context NAME"
        )
    config.load_incluster_config(  # type: ignore[no-untyped-call]
        client_configuration=configuration
    )


def _keep_credentials(client: "ApiClient", configuration: "Configuration") -> None:
    """Read certificate and key now, as the temporary files that hold them may go.

    In a pod there is no client certificate, and the CA file is read anew by every connection, so
    that a rotated one is taken up.
    """
    if not configuration.host.startswith("https:"):
        return
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    if not configuration.verify_ssl:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    elif configuration.ssl_ca_cert:
        tls.load_verify_locations(configuration.ssl_ca_cert)
    else:
        tls.load_default_certs()
    if configuration.cert_file:
        tls.load_cert_chain(configuration.cert_file, configuration.key_file)
    options = client.rest_client.pool_manager.connection_pool_kw
    for name in ("ca_certs", "ca_cert_data", "cert_file", "key_file"):
        options.pop(name, None)
    options["ssl_context"] = tls


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _reason(error: Exception) -> str:
    """Return what went wrong on the way, without the object addresses of the library's text."""
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__ or getattr(cause, "reason", None):
        if not isinstance(inner, Exception):
            break
        cause = inner
    text = getattr(cause, "strerror", None) or str(cause).rpartition(">: ")[2] or str(cause)
    if isinstance(cause, TimeoutError) or "timed out" in text.lower():
        return "no answer in time"
    return " ".join(str(text).split()) or type(cause).__name__
