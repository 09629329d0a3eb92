"""Every question to the outside, asked before a request is decided."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, cast

from webhook.cluster.access import AccessReviews, Answers
from webhook.cluster.live import HostIndex
from webhook.cluster.offline import MCS, UID_RANGE, OfflineCluster
from webhook.core.engine import awaited, identities, is_policy_edit, lookups, needs
from webhook.core.model.objects import JsonObject, Pod
from webhook.core.model.request import Access, Facts, Namespace, Request, User
from webhook.core.model.world import Ref, World
from webhook.core.policyset import PolicySet
from webhook.core.tenancy.requester import service_account


class Cluster(Protocol):
    """What the webhook asks a cluster: from caches at once, or live and then it takes a while."""

    @property
    def access(self) -> Access:
        """Who may use which SCC."""
        ...

    @property
    def synced(self) -> bool:
        """Whether the caches were filled once; before that they say nothing."""
        ...

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace from the cache."""
        ...

    def read_namespace(self, name: str) -> Namespace | None:
        """Return a namespace as the API server has it now."""
        ...

    def pod(self, namespace: str, name: str) -> Pod | None:
        """Return a pod as the API server has it now."""
        ...

    def automount(self, namespace: str, service_account: str) -> bool | None:
        """Return a service account's own `automountServiceAccountToken`, from the cache."""
        ...


class LiveTenancy(Cluster, Protocol):
    """A live cluster that isolation rules are decided by."""

    @property
    def tenancy_synced(self) -> bool:
        """Whether what the rules compare with was listed once."""
        ...

    def read(self, ref: Ref) -> JsonObject | None:
        """Return any object as the API server has it now."""
        ...

    def read_namespaces_of(self, tenant: str) -> Sequence[str]:
        """Return the namespaces of a tenant as the API server has them now."""
        ...

    def read_hosts(self) -> HostIndex | None:
        """Return the hosts in use as the API server has them now, None where they are too many."""
        ...

    def world(
        self,
        fetched: Mapping[Ref, JsonObject | None],
        counts: Mapping[str, Sequence[str]],
        hosts: HostIndex | None = None,
    ) -> World:
        """Return the cluster as the rules see it, with what was read for one request."""
        ...


class WouldBlock(Exception):
    """Only a live read can answer, and whoever asks must not wait for one here."""


class NotSynced(Exception):
    """The caches are not filled yet; a little later they will be."""


def gather(
    request: Request,
    policies: PolicySet,
    cluster: Cluster,
    *,
    wait: bool,
    reviews: AccessReviews | None = None,
) -> Facts:
    """Return the facts that the request is decided on.

    A namespace that the cache lacks, or knows without the ranges that SCC admission reads, or as
    still to be provisioned, may have been made a moment ago: it is read live, once. So is the pod
    that a CONNECT goes to, as what it runs with is the whole question. Grants are in the cluster's
    objects, unless `reviews` asks the API server for each identity. Nobody else has to wait while
    an edit of the policies is judged, for which all of them are read.

    Raises:
        WouldBlock: not without waiting.
        NotSynced: the caches are not filled yet.
    """
    wanted = needs(request, policies)
    if not cluster.synced:
        raise NotSynced
    if is_policy_edit(request, policies):
        _may_wait(wait)
    pod = automount = None
    known = cluster.namespace(request.namespace) if request.namespace else None
    asked = wanted.namespace or wanted.labels
    lacking = asked and (known is None or (wanted.namespace and not _complete(known)))
    if lacking or awaited(request, policies, known):
        _may_wait(wait)
        known = cluster.read_namespace(request.namespace)
    namespace = known if asked else None
    if wanted.pod:
        _may_wait(wait)
        pod = cluster.pod(request.namespace, request.name)
    if wanted.service_account:
        automount = cluster.automount(request.namespace, wanted.service_account)
    access = cluster.access
    if reviews and wanted.grants:
        users = identities(request, policies, pod)
        access = _asked(reviews, users, request.namespace, policies, wait=wait)
    facts = Facts(namespace=namespace, access=access, pod=pod, automount=automount)
    if isinstance(cluster, OfflineCluster):
        return replace(facts, world=cluster.world(request, policies))
    return replace(facts, world=_world(request, policies, cast(LiveTenancy, cluster), wait=wait))


def _world(request: Request, policies: PolicySet, cluster: LiveTenancy, *, wait: bool) -> World:
    """Return what isolation rules may know: indexes, and the few objects that they look up.

    A namespace that the cache lacks is read live, once: its owner may have made it a moment ago.
    The namespaces of a tenant are counted live, once, where a new one would be one too many: two
    requests at once would both find room in a cache.
    """
    if policies.registry:
        if not cluster.tenancy_synced:
            raise NotSynced
        for name in _unknown(request, cluster):
            _may_wait(wait)
            cluster.read_namespace(name)
    plain = cluster.world({}, {})
    wanted = lookups(request, policies, plain)
    if not wanted.refs and not wanted.counted and not wanted.hosts:
        return plain
    _may_wait(wait)
    return cluster.world(
        {ref: cluster.read(ref) for ref in wanted.refs},
        {tenant: cluster.read_namespaces_of(tenant) for tenant in wanted.counted},
        cluster.read_hosts() if wanted.hosts else None,
    )


def _unknown(request: Request, cluster: Cluster) -> Iterator[str]:
    """Yield the namespaces, of the request and of who sends it, that the cache lacks."""
    about_itself = request.resource == "namespaces" and not request.group
    account = service_account(request.user)
    for name in {"" if about_itself else request.namespace, account[0] if account else ""}:
        if name and cluster.namespace(name) is None:
            yield name


def _asked(
    reviews: AccessReviews,
    users: Iterable[User],
    namespace: str,
    policies: PolicySet,
    *,
    wait: bool,
) -> Answers:
    """Return the API server's answers about all SCCs, the remembered ones if they are complete."""
    names = [scc.name for scc in policies.sccs]
    grants = {}
    for user in users:
        known = reviews.cached(user, namespace, names)
        if known is None:
            _may_wait(wait)
            known = reviews.ask(user, namespace, names)
        grants[user, namespace] = known
    return Answers(grants)


def _complete(namespace: Namespace | None) -> bool:
    return (
        namespace is not None
        and UID_RANGE in namespace.annotations
        and MCS in namespace.annotations
    )


def _may_wait(wait: bool) -> None:
    if not wait:
        raise WouldBlock
