"""What templates and tenants say of each other has to agree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.quantity import quantity
from webhook.core.model.schema import Mistake
from webhook.core.provisioning.templates.contents import Content
from webhook.core.provisioning.templates.document import NamespaceTemplate
from webhook.core.provisioning.templates.objects import quantities
from webhook.core.provisioning.templates.parameters import references
from webhook.core.tenancy.registry import Registry

if TYPE_CHECKING:  # a set without Tenants does not need the module that reads them
    from webhook.core.tenancy.tenant import Tenant

_PARAMETERS = ROOT / "spec" / "provision" / "parameters"


def template_mistakes(
    template: NamespaceTemplate,
    content: Content,
    templates: Sequence[NamespaceTemplate],
    registry: Registry,
) -> Iterator[Mistake]:
    """Yield what is wrong with a template among all tenants and all templates."""
    if template.match is None and sum(each.name == template.name for each in templates) > 1:
        at = ROOT / "metadata" / "name"
        what = "the name of another template; a Tenant names one of them"
        yield Mistake(at, f"{at} is {shown(template.name)}, {what}")
    at = ROOT / "spec" / "match" / "tenants"
    for index, name in enumerate((template.match and template.match.tenants) or ()):
        if "*" not in name and name not in registry.tenants:
            allowed = 'the name of a Tenant, or a glob such as "*"'
            yield Mistake(at / index, f"{at / index} is {shown(name)}; allowed: {allowed}")
    path, labels = content.labels
    for key in labels:
        if reader := _reader(key, templates, registry):
            yield Mistake(
                path / key,
                f"{path / key}: {reader} selects namespaces by this label, so that to write it would "
                "change what a namespace is to hold. Fix: select by another label, or leave it out.",
            )


def _reader(key: str, templates: Sequence[NamespaceTemplate], registry: Registry) -> str:
    """Return whose selector reads a label, "" for nobody's."""
    for template in templates:
        selector = template.match.selector if template.match else None
        if selector and any(item.key == key for item in selector.requirements):
            return f"NamespaceTemplate {template.name}"
    for tenant in registry.tenants.values():
        selector = tenant.namespaces.selector
        if selector and any(item.key == key for item in selector.requirements):
            return f"Tenant {tenant.name}"
    return ""


class Provisions:
    """Judges what tenants say in `spec.provision` by the templates that there are."""

    def __init__(self, templates: Sequence[NamespaceTemplate]) -> None:
        self._templates = templates
        self._named: Mapping[str, NamespaceTemplate] = {each.name: each for each in templates}
        self._amounts = {each.name: frozenset(_amounts(each)) for each in templates}

    def mistakes(self, tenant: "Tenant") -> Iterator[Mistake]:
        """Yield what is wrong with what a tenant says: its template, and its parameters."""
        at = ROOT / "spec" / "provision" / "template"
        name = tenant.provision.get("template")
        if name and name not in self._named:
            known = ", ".join(self._named) or "none, as the set holds no template"
            yield Mistake(at, f"{at} is {shown(name)}; allowed: {known}")
            return
        usable = [self._named[name]] if name else self._matching(tenant.name)
        given: Mapping[str, str] = tenant.provision.get("parameters") or {}
        for template in usable:
            for missing in sorted(template.required - given.keys()):
                where = _PARAMETERS if given else ROOT
                yield Mistake(
                    where,
                    f"{_PARAMETERS}: template {template.name}, which "
                    f"{'is named here' if name else 'serves namespaces of this tenant'}, needs a value "
                    f"for {missing}",
                )
        for key, value in given.items():
            yield from self._given(key, value, usable)

    def _matching(self, tenant: str) -> list[NamespaceTemplate]:
        return [each for each in self._templates if each.match and each.match.takes_tenant(tenant)]

    def _given(
        self, key: str, value: str, usable: Sequence[NamespaceTemplate]
    ) -> Iterator[Mistake]:
        at = _PARAMETERS / key
        takers = [template for template in usable if key in template.parameters]
        if not takers:
            yield Mistake(at, f"{at}: {_unknown(usable)}")
        for template in takers:
            if key in self._amounts[template.name] and not _is_amount(value):
                allowed = f"a quantity of 0 or more, as template {template.name} uses it for one"
                yield Mistake(at, f"{at} is {shown(value)}; allowed: {allowed}")
                return


def _unknown(usable: Sequence[NamespaceTemplate]) -> str:
    if not usable:
        return "no template serves this tenant's namespaces, so nothing takes parameters"
    known = sorted({name for template in usable for name in template.parameters})
    which = ", ".join(template.name for template in usable)
    return (
        f"no parameter of template {which}; allowed: {', '.join(known) or 'none, as it has none'}"
    )


def _is_amount(text: str) -> bool:
    amount = quantity(text)
    return amount is not None and amount >= 0


def _amounts(template: NamespaceTemplate) -> Iterator[str]:
    """Yield the parameters that stand alone for a quantity."""
    for item in template.objects:
        for _, values in quantities(item):
            for value in values.values():
                for reference in references(value, FieldPath()):
                    if value in (f"${{{reference.name}}}", f"${{{{{reference.name}}}}}"):
                        yield reference.name
