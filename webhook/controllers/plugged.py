"""The list of all controllers: who wants another one to run adds it here."""

from collections.abc import Iterator

from webhook.controllers.certificates import Certificates, Certifying
from webhook.controllers.labels import LabelSync
from webhook.controllers.loop import Context, Controller
from webhook.controllers.namespaces.controller import Namespaces
from webhook.controllers.ownership.access import Access
from webhook.controllers.ownership.lifecycle import Lifecycle
from webhook.controllers.ranges.claims import Ranges
from webhook.controllers.ranges.repair import LedgerRepair
from webhook.controllers.registration.controller import Keeping, Registration


def controllers(context: Context, keeping: Keeping, certifying: Certifying) -> Iterator[Controller]:
    """Make every controller; called when this process has become the leader.

    The order is that in which they are started, which matters to none of them.

    Args:
        context: what every controller works with.
        keeping: how the registration is kept.
        certifying: how the certificates are.
    """
    ranges = Ranges(context.api, context.namespace)
    yield LedgerRepair(context, ranges)
    yield Namespaces(context, ranges)
    yield Lifecycle(context)
    yield Access(context)
    yield LabelSync(context)
    yield Certificates(context, certifying)
    yield Registration(context, keeping)
