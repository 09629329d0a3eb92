"""Proc mount: the parts of /proc that the runtime masks have to stay masked.

From v1.35 on a pod with users of its own (`hostUsers: false`) may unmask them at `baseline`.
"""

from collections.abc import Iterator

from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, has_own_users
from webhook.core.pss.proc_mount import said, unmasked


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse an unmasked /proc, but in a pod with users of its own."""
    if not has_own_users(pod):
        yield from unmasked(pod)


CONTROL = Control(id="procMount", level="baseline", versions={0: unmasked, 35: check}, said=said)
