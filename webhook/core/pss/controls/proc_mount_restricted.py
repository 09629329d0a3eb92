"""Proc mount at `restricted`: /proc stays masked, in pods with users of their own as well.

Before v1.35 the control of `baseline` said just that.
"""

from webhook.core.pss.control import Control
from webhook.core.pss.proc_mount import said, unmasked

CONTROL = Control(
    id="procMount_restricted",
    level="restricted",
    versions={35: unmasked},
    said=said,
    overrides="procMount",
)
