"""Uses of wildcard host names, found by the names that they can answer for, without a search."""

from collections.abc import Iterable, Iterator, Sequence

from webhook.core.model.world import HostUse, Ref

_Uses = tuple[HostUse, ...]
_Found = dict[str, dict[Ref, _Uses]]


class Wildcards:
    """Uses of hosts such as `*.example.com`.

    `at` has them by their domain, `below` by every domain above that. May be read while another
    thread changes it.
    """

    def __init__(self) -> None:
        self._at: _Found = {}
        self._below: _Found = {}

    def put(self, ref: Ref, host: str, uses: Sequence[HostUse]) -> None:
        """Take the uses of one wildcard by an object, in place of what it used it for before."""
        for index, domain in self._places(host):
            known = index.setdefault(domain, {})
            others = (use for use in known.get(ref, ()) if use.host != host)
            known[ref] = (*others, *uses)

    def drop(self, ref: Ref, host: str) -> None:
        """Forget the uses of one wildcard by an object."""
        for index, domain in self._places(host):
            known = index.get(domain, {})
            left = tuple(use for use in known.get(ref, ()) if use.host != host)
            if left:
                known[ref] = left
            else:
                known.pop(ref, None)
            if not known:
                index.pop(domain, None)

    def of(self, host: str) -> Iterator[HostUse]:
        """Yield the uses of wildcards that cover a host or, if it is one itself, are covered by it."""
        first, *above = _domains(host)
        found = [(self._at, domain) for domain in above]
        if host.startswith("*"):
            found += [(self._at, first), (self._below, first)]
        for index, domain in found:
            for uses in list(index.get(domain, {}).values()):
                yield from uses

    def _places(self, host: str) -> Iterable[tuple[_Found, str]]:
        first, *above = _domains(host)
        return [(self._at, first), *((self._below, domain) for domain in above)]


def _domains(host: str) -> list[str]:
    """Return a host, or what stands behind its `*`, and every domain above, up to "" for all."""
    rest = host.removeprefix("*").removeprefix(".")
    found = [rest]
    while rest:
        rest = rest.partition(".")[2]
        found.append(rest)
    return found
