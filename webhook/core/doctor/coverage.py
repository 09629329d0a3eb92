"""Is everything sent that the policies judge, and is it refused when nobody answers?"""

from collections.abc import Iterator
from dataclasses import replace

from webhook.core.doctor.diagnosis import Diagnosis, Level
from webhook.core.doctor.hook import Asked, Hook, requests
from webhook.core.doctor.scene import Scene
from webhook.core.model.loose import mapping

CHECK = "coverage"

_AGAIN = "register what `tenantgate render webhooks` prints, or leave it to the controller"
_KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_LONGEST, _SHORTEST = 10, 2
_MOST = 6


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Hold each entry against what the policies ask for."""
    if not scene.ours:
        yield _nothing(scene)
        return
    registered = {hook.name: hook for hook in scene.ours}
    for name, wanted in scene.wanted.items():
        if name not in registered:
            seen = f"not registered, so nobody judges {_listed(_named(wanted))}"
            yield Diagnosis(CHECK, "fail", f"entry {name}", seen, "registered", _AGAIN)
            continue
        found = list(_entry(registered[name], wanted))
        yield from found
        if not found:
            seen = f"is sent {_listed(_named(wanted))}"
            yield Diagnosis(CHECK, "ok", registered[name].place, seen)
    for name in sorted(set(registered) - set(scene.wanted)):
        yield Diagnosis(
            *(CHECK, "warn", registered[name].place, "the policies do not ask for it"),
            *("only entries of what is judged", _AGAIN),
        )


def _nothing(scene: Scene) -> Diagnosis:
    seen, fix = "no entry of tenantgate's is registered: nothing is judged", _AGAIN
    if scene.noted.issuperset(_KINDS):
        seen += "; both configurations were deleted by hand (break-glass)"
        namespace = scene.policies.platform.engine_namespace
        fix = f"kubectl -n {namespace} delete configmap tenantgate-registration, once all is well"
    return Diagnosis(CHECK, "fail", "the registration", seen, "both configurations", fix)


def _entry(hook: Hook, wanted: Hook) -> Iterator[Diagnosis]:
    def told(level: Level, seen: str, allowed: str, fix: str = _AGAIN) -> Diagnosis:
        return Diagnosis(CHECK, level, hook.place, seen, allowed, fix)

    missing = [_shown(asked) for asked in requests(wanted.entry) if not _speaks(hook, asked)]
    if missing:
        yield told("fail", f"is not sent {_listed(missing)}", "everything that the policies judge")
    elif more := sorted({*_named(hook)} - {*_named(wanted)}):
        yield told(
            *("warn", f"is sent {_listed(more)}, which the policies do not judge"),
            "no more than they do: what is sent for nothing fails for nothing",
        )
    if wanted.fails_closed and not hook.fails_closed:
        yield told(
            "fail", "failurePolicy is Ignore: while nobody answers, all pass unjudged", "Fail"
        )
    elif hook.fails_closed and not wanted.fails_closed:
        yield told("fail", "failurePolicy is Fail: while nobody answers, all are refused", "Ignore")
    if hook.entry.get("matchPolicy", "Equivalent") != "Equivalent":
        seen = "matchPolicy is Exact: another version of the same API leads past it"
        yield told("fail", seen, "Equivalent")
    if hook.entry.get("sideEffects") not in ("None", "NoneOnDryRun"):
        seen = f"sideEffects is {hook.entry.get('sideEffects')}: dry runs are refused"
        yield told("warn", seen, "None")
    if "v1" not in (hook.entry.get("admissionReviewVersions") or ()):
        yield told("fail", "admissionReviewVersions lacks v1, the only one answered", "v1")
    if hook.phase == "mutate" and hook.entry.get("reinvocationPolicy", "Never") == "Never":
        seen = "reinvocationPolicy is Never: what a later webhook adds to a pod is not filled in"
        yield told("warn", seen, "IfNeeded")
    if not _SHORTEST <= hook.timeout <= _LONGEST:
        seen = f"timeoutSeconds is {hook.timeout}"
        yield told("warn", seen, f"{_SHORTEST} to {_LONGEST}, for people wait")
    yield from _path(hook, wanted)


def _path(hook: Hook, wanted: Hook) -> Iterator[Diagnosis]:
    client = mapping(hook.entry.get("clientConfig"))
    path = mapping(client.get("service")).get("path") or str(client.get("url") or "")
    if not str(path).endswith(f"/{wanted.phase}"):
        seen = f"calls {path or 'no path'}: the other endpoint answers otherwise, or nobody does"
        yield Diagnosis(CHECK, "fail", hook.place, seen, f"/{wanted.phase}", _AGAIN)


def _named(hook: Hook) -> list[str]:
    """Return what the rules of an entry list, as messages call it."""
    return [_shown(asked) for asked in requests(hook.entry)]


def _shown(asked: Asked) -> str:
    return str(replace(asked, namespace=""))


def _speaks(hook: Hook, asked: Asked) -> bool:
    """Tell whether the rules of an entry are about a request, wherever it is made."""
    anywhere = {**hook.entry, "namespaceSelector": {}}
    return Hook(hook.phase, hook.configuration, anywhere).is_sent(asked)


def _listed(names: list[str]) -> str:
    told = ", ".join(dict.fromkeys(names[:_MOST]))
    return f"{told} and {len(names) - _MOST} more" if len(names) > _MOST else told
