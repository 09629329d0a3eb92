"""Who asks, when a command stands in for the API server."""

from collections.abc import Sequence
from typing import NamedTuple

from webhook.core.model.request import User

ORDINARY = User("an ordinary user", ("system:authenticated",))
"""Who asks when nobody says: no account can have a name with blanks in it."""


class Who(NamedTuple):
    """Who sends objects, and what runs the pods that name no service account.

    `account` is a service account's name; without a `user` it sends the objects too. With `home`
    it is of that namespace, where manifests then go that name none; without, of every pod's own.
    `assumed` tells that nobody named the user.
    """

    user: User | None = None
    account: str = ""
    home: str = ""
    assumed: bool = False

    def requester(self, namespace: str) -> User:
        """Return who creates an object in the namespace."""
        if self.user is not None:
            return self.user
        return as_client(f"system:serviceaccount:{self.home or namespace}:{self.account}", ())


def as_client(name: str, groups: Sequence[str]) -> User:
    """Return a user with the groups that the API server gives one who is impersonated by name."""
    given = tuple(groups)
    parts = name.split(":")
    if not given and parts[:2] == ["system", "serviceaccount"] and len(parts) == 4:
        given = User.service_account(parts[2], parts[3]).groups
    own = "system:unauthenticated" if name == "system:anonymous" else "system:authenticated"
    return User(name, given if own in given else (*given, own))
