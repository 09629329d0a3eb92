"""Who may use an SCC, as the API server itself answers: `--access sar`.

For clusters whose API server asks other authorizers than RBAC. One SubjectAccessReview is sent for
each identity and SCC, verb `use`, as OpenShift's admission asks its authorizer. The resource needs
no CustomResourceDefinition for that.

Answers are remembered for ten seconds, allowed or not: what API servers that delegate their
authorization do by default, and short enough that a grant taken away soon counts for nothing.
(The API server itself remembers its webhook authorizer's answers for 5 minutes and 30 seconds.)

An error is never a "no": an identity that cannot be judged leaves the request unevaluated.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTimeError
from typing import Any

from webhook.cluster.client import Api, ClusterError
from webhook.core.model.request import Grants, User
from webhook.core.rbac.rules import SCC_GROUP, SCC_RESOURCE, USE

_PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_REMEMBERED = 65536

_Question = tuple[str, tuple[str, ...], str, tuple[tuple[str, tuple[str, ...]], ...], str, str]


class AccessError(ClusterError):
    """Whether somebody may use an SCC could not be found out."""


class AccessReviews:
    """Asks the API server who may use which SCC, and remembers the answers for a while.

    Args:
        api: the way to the API server, as an identity that may create SubjectAccessReviews.
        timeout: seconds in which all answers of one call of `ask` have to be there.
        remember: seconds for which an answer counts.
        concurrency: reviews under way at once, for all callers together.
    """

    def __init__(
        self, api: Api, *, timeout: float = 2, remember: float = 10, concurrency: int = 8
    ) -> None:
        self._api = api
        self._timeout = timeout
        self._remember = remember
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="access-review")
        self._answers: dict[_Question, tuple[float, bool]] = {}
        self._asked: dict[_Question, Future[bool]] = {}
        self._asking = threading.Lock()

    def close(self) -> None:
        """Give up the threads; reviews that wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def cached(self, user: User, namespace: str, names: Iterable[str]) -> Grants | None:
        """Return the usable ones of these SCCs, or None if the API server would have to be asked.

        Never blocks.
        """
        now = time.monotonic()
        usable = set()
        who = _who(user)
        for name in names:
            answer = self._answers.get((*who, namespace, name))
            if answer is None or answer[0] < now:
                return None
            if answer[1]:
                usable.add(name)
        return frozenset(usable)

    def ask(self, user: User, namespace: str, names: Iterable[str]) -> Grants:
        """Return the usable ones of these SCCs, asking the API server for what is not remembered.

        Raises:
            ClusterError: not all answers came in time, or one of them is an error.
        """
        end = time.monotonic() + self._timeout
        names = tuple(names)
        who = _who(user)
        pending = {
            name: self._answer((*who, namespace, name), user, namespace, name) for name in names
        }
        usable = set()
        for name, answer in pending.items():
            try:
                if answer.result(max(0.0, end - time.monotonic())):
                    usable.add(name)
            except OutOfTimeError as error:
                raise AccessError(
                    f'whether "{user.name}" may use SCC "{name}" in namespace "{namespace}" was '
                    f"not answered in {self._timeout:g} s"
                ) from error
        return frozenset(usable)

    def _answer(self, question: _Question, user: User, namespace: str, name: str) -> Future[bool]:
        """Return the answer to come; the same question is asked once however many wait for it."""
        with self._asking:
            now = time.monotonic()
            known = self._answers.get(question)
            if known and known[0] >= now:
                answered: Future[bool] = Future()
                answered.set_result(known[1])
                return answered
            asked = self._asked.get(question)
            if asked is None:
                asked = self._threads.submit(self._review, question, now, user, namespace, name)
                self._asked[question] = asked
                asked.add_done_callback(lambda _: self._asked.pop(question, None))
            return asked

    def _review(
        self, question: _Question, since: float, user: User, namespace: str, name: str
    ) -> bool:
        asked = time.monotonic()
        if asked > since + self._timeout:
            # Whoever wanted to know has given up: a queue must not outlive a slow spell.
            raise AccessError(f"too many access reviews are waiting at {self._api.host}")
        review = self._api.post(_PATH, _body(user, namespace, name), timeout=self._timeout)
        allowed = _verdict(review, user, namespace, name)
        if len(self._answers) >= _REMEMBERED:
            self._answers.clear()
        self._answers[question] = (asked + self._remember, allowed)
        return allowed


class Answers:
    """Grants that were gathered before a decision; asking for others is an error, not a "no"."""

    def __init__(self, answers: Mapping[tuple[User, str], Grants]) -> None:
        self._answers = answers

    def grants(self, user: User, namespace: str) -> Grants:
        """Return what was gathered for this user in this namespace.

        Raises:
            AccessError: nothing was.
        """
        try:
            return self._answers[user, namespace]
        except KeyError:
            raise AccessError(
                f'it was not asked what "{user.name}" may use in namespace "{namespace}"'
            ) from None


def _who(user: User) -> tuple[Any, ...]:
    extra = tuple(sorted((key, tuple(values)) for key, values in user.extra.items()))
    return user.name, user.groups, user.uid, extra


def _body(user: User, namespace: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "user": user.name,
        "groups": list(user.groups),
        "resourceAttributes": {
            "verb": USE,
            "group": SCC_GROUP,
            "resource": SCC_RESOURCE,
            "namespace": namespace,
            "name": name,
        },
    }
    if user.uid:
        spec["uid"] = user.uid
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra.items()}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": spec,
    }


def _verdict(review: Any, user: User, namespace: str, name: str) -> bool:
    status = review.get("status") if isinstance(review, Mapping) else None
    allowed = status.get("allowed") if isinstance(status, Mapping) else None
    if allowed is True:
        return True
    # Without an opinion of any authorizer the answer is no; with an error it is none.
    if (
        isinstance(status, Mapping)
        and allowed in (False, None)
        and not status.get("evaluationError")
    ):
        return False
    why = status.get("evaluationError") if isinstance(status, Mapping) else "it has no status"
    raise AccessError(
        f'whether "{user.name}" may use SCC "{name}" in namespace "{namespace}" was not decided '
        f"by the API server: {why}"
    )
