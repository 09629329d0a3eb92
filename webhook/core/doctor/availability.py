"""Who answers, and how much must break before nobody does?"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.doctor.diagnosis import Diagnosis, Level
from webhook.core.doctor.hook import name_of
from webhook.core.doctor.scene import Scene
from webhook.core.model.loose import mapping
from webhook.core.model.objects import JsonObject
from webhook.core.model.selector import SelectorError, read_selector
from webhook.core.registration import Service

CHECK = "availability"

_ENOUGH = 2


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Hold failure policies against replicas, disruption budgets and ready endpoints."""
    target = scene.target
    if not isinstance(target, Service) or not any(hook.fails_closed for hook in scene.ours):
        return
    yield from _endpoints(scene, target)
    if scene.services is None or scene.deployments is None:
        return
    where = f"Service {target.namespace}/{target.name}"
    service = _one(scene.services, target.namespace, target.name)
    if service is None:
        yield _told(
            "fail", where, "does not exist, and entries that fail closed name it", "it exists"
        )
        return
    selector = mapping(mapping(service.get("spec")).get("selector"))
    if not selector:
        return  # its endpoints are kept by hand
    behind = [
        each
        for each in scene.deployments
        if _namespace(each) == target.namespace and selector.items() <= _pod_labels(each).items()
    ]
    if not behind:
        yield _told("fail", where, "selects the pods of no Deployment", "the webhook's Deployment")
    for deployment in behind:
        yield from _deployment(deployment, scene)


def _endpoints(scene: Scene, target: Service) -> Iterator[Diagnosis]:
    if scene.slices is None:
        return
    where = f"Service {target.namespace}/{target.name}"
    ready = sum(
        mapping(endpoint.get("conditions")).get("ready") is not False
        for each in scene.slices
        for endpoint in each.get("endpoints") or ()
    )
    if not ready:
        seen = "no endpoint is ready: what is judged is refused at this moment"
        yield _told("fail", where, seen, "at least two", "see why the pods are not ready")
    elif ready < _ENOUGH:
        yield _told("warn", where, "one endpoint is ready", "at least two", "run more replicas")
    else:
        yield Diagnosis(CHECK, "ok", where, f"{ready} endpoints are ready")


def _deployment(deployment: JsonObject, scene: Scene) -> Iterator[Diagnosis]:
    where = f"Deployment {_namespace(deployment)}/{name_of(deployment)}"
    spec = mapping(deployment.get("spec"))
    found = spec.get("replicas")
    replicas = found if isinstance(found, int) else 1
    if replicas < _ENOUGH:
        level: Level = "fail" if replicas == 0 else "warn"
        seen = f"replicas is {replicas}, and entries fail closed"
        yield _told(
            level, where, seen, "at least 2, better 3", "kubectl scale, and in its manifest"
        )
    else:
        yield Diagnosis(CHECK, "ok", where, f"{replicas} replicas")
    yield from _budgets(deployment, replicas, where, scene)
    pod = mapping(mapping(spec.get("template")).get("spec"))
    if not str(pod.get("priorityClassName") or "").startswith("system-"):
        seen = "priorityClassName is not one of Kubernetes' own: other pods may push these out"
        yield _told("warn", where, seen, "system-cluster-critical", "set it in the pod's template")
    affinity = mapping(pod.get("affinity")).get("podAntiAffinity")
    if replicas >= _ENOUGH and not pod.get("topologySpreadConstraints") and not affinity:
        seen = "nothing keeps its pods apart: one node may take them all along"
        yield _told("warn", where, seen, "a spread over hosts", "add topologySpreadConstraints")


def _budgets(
    deployment: JsonObject, replicas: int, where: str, scene: Scene
) -> Iterator[Diagnosis]:
    if scene.budgets is None or replicas < _ENOUGH:
        return
    labels = _pod_labels(deployment)
    mine = [
        each
        for each in scene.budgets
        if _namespace(each) == _namespace(deployment) and _selects(each, labels)
    ]
    if not mine:
        seen = "no PodDisruptionBudget: a drain may take all of its pods at once"
        yield _told("warn", where, seen, "maxUnavailable: 1", "add a PodDisruptionBudget")
    for budget in mine:
        spec, place = mapping(budget.get("spec")), f"PodDisruptionBudget {name_of(budget)}"
        spare = _spare(spec, replicas)
        if spare >= replicas:
            seen = "lets a drain take all pods at once"
            yield _told("warn", place, seen, "maxUnavailable: 1", "lower it")
        elif spare <= 0:
            seen = "lets no pod go: a drain of their nodes never ends"
            yield _told("warn", place, seen, "maxUnavailable: 1", "raise it")
        else:
            yield Diagnosis(CHECK, "ok", place, f"lets {spare} of {replicas} pods go at a time")


def _spare(spec: Mapping[str, Any], replicas: int) -> int:
    """Return how many pods a budget lets go at a time; percentages are rounded up, as Kubernetes does."""
    if (most := spec.get("maxUnavailable")) is not None:
        return _number(most, replicas)
    return replicas - _number(spec.get("minAvailable", 0), replicas)


def _number(value: Any, of: int) -> int:
    if isinstance(value, int):
        return value
    text = str(value).removesuffix("%")
    return -(-int(text) * of // 100) if text.isdigit() else 0


def _selects(budget: JsonObject, labels: Mapping[str, str]) -> bool:
    try:
        found = mapping(budget.get("spec")).get("selector")
        return found is not None and read_selector(found).matches(labels)
    except SelectorError:
        return False


def _pod_labels(deployment: JsonObject) -> Mapping[str, str]:
    template = mapping(mapping(deployment.get("spec")).get("template"))
    return mapping(mapping(template.get("metadata")).get("labels"))


def _one(objects: tuple[JsonObject, ...], namespace: str, name: str) -> JsonObject | None:
    return next(
        (each for each in objects if (_namespace(each), name_of(each)) == (namespace, name)), None
    )


def _namespace(obj: JsonObject) -> str:
    return str(mapping(obj.get("metadata")).get("namespace") or "")


def _told(
    level: Level, where: str, seen: str, allowed: str, fix: str = "apply the manifests again"
) -> Diagnosis:
    return Diagnosis(CHECK, level, where, seen, allowed, fix)
