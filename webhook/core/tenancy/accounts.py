"""Service accounts that a tenant's objects name."""

from webhook.core.tenancy.rule import Case, mapping


def is_platforms(name: str, case: Case) -> bool:
    """Tell whether a service account of the request's namespace is the platform's.

    The account `default` is provisioned by the platform as well, but for everybody's use.
    """
    prefix = case.platform.reserved_object_prefix
    if name == "default":
        return False
    return bool(prefix and name.startswith(prefix)) or any(
        mapping(account.get("metadata")).get("name") == name
        for account in case.world.managed("serviceaccounts", case.request.namespace)
    )
