"""The controls of the Pod Security Standards, one a file.

A new control is a new module with a `CONTROL`; it is found here, no list needs an edit.
"""

from importlib import import_module
from pkgutil import iter_modules

from webhook.core.pss.control import Control

CONTROLS: tuple[Control, ...] = tuple(
    sorted(
        (import_module(f"{__name__}.{module.name}").CONTROL for module in iter_modules(__path__)),
        key=lambda control: (control.level, control.id),
    )
)
"""Every control, in the order in which Kubernetes tells them: baseline first, then by name."""
