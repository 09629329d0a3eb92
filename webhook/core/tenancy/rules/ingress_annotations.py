"""Ingress annotations: those that inject configuration or reach elsewhere are not for tenants.

A snippet runs in the controller that serves everybody, with its rights to read every Secret;
others make it fetch, forward or publish what belongs to somebody else. Vendors spell them alike.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.pattern import any_glob, is_address, network
from webhook.core.model.world import annotations
from webhook.core.tenancy import external_names
from webhook.core.tenancy.hosts import EXTERNAL_DNS_NAMES, leads_inside, listed, ungranted
from webhook.core.tenancy.ingresses import INGRESSES
from webhook.core.tenancy.networks import reserved_at
from webhook.core.tenancy.rule import Case, Rule, text
from webhook.core.tenancy.services import SERVICES
