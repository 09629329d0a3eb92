"""Small policy sets: one document beside a Platform."""

import json
from typing import Any

from webhook.core.policyset import PolicySet, parse_policies

SCC = """
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: only}
runAsUser: {type: RunAsAny}
seLinuxContext: {type: RunAsAny}
"""


def policies(document: str = SCC, **spec: Any) -> PolicySet:
    platform = {
        "apiVersion": "tenantgate.io/v1",
        "kind": "Platform",
        "metadata": {"name": "platform"},
        "spec": spec,
    }
    texts = {"platform.yaml": json.dumps(platform), "only.yaml": document}
    return parse_policies({name: text for name, text in texts.items() if text})
