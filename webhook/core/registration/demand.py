"""What a policy set asks of the registration: what it judges, and whom its entries leave out.

Two demands add up. While a set is on its way to the replicas, one of them may have it already and
another not yet; what either judges is registered then.
"""

from dataclasses import dataclass

from webhook.core.policyset import PolicySet


@dataclass(frozen=True, slots=True)
class Demand:
    """All that the entries depend on.

    `sccs`, `tenants`, `defaults`, `templates`: the set holds such policies. `floor`: it requires a
    level of Pod Security. `warned`: it warns of workloads whose pods no SCC would admit. `enforcing`:
    it refuses, and does not only observe. `engine` are tenantgate's own namespaces, `admins` the
    groups that are platform.
    """

    sccs: bool = False
    tenants: bool = False
    defaults: bool = False
    floor: bool = False
    templates: bool = False
    warned: bool = False
    enforcing: bool = False
    engine: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, policies: PolicySet) -> "Demand":
        """Return what one set asks for."""
        platform = policies.platform
        return cls(
            sccs=bool(policies.sccs),
            tenants=bool(policies.registry),
            defaults=bool(policies.defaults),
            floor=platform.pod_security.require != "privileged",
            templates=bool(policies.templates),
            warned=bool(policies.sccs) and platform.scc.workloads != "ignore",
            enforcing=platform.enforcement == "deny",
            engine=frozenset({platform.engine_namespace}),
            admins=platform.admins.groups,
        )

    def __or__(self, other: "Demand") -> "Demand":
        """Return a demand that leaves out nothing that either of two judges."""
        return Demand(
            sccs=self.sccs or other.sccs,
            tenants=self.tenants or other.tenants,
            defaults=self.defaults or other.defaults,
            floor=self.floor or other.floor,
            templates=self.templates or other.templates,
            warned=self.warned or other.warned,
            enforcing=self.enforcing or other.enforcing,
            engine=self.engine | other.engine,
            admins=self.admins & other.admins,
        )
