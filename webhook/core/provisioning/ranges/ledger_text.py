"""The ledger as the data of a ConfigMap, sealed by a checksum so that nobody trusts a mended one."""

from collections.abc import Iterator, Mapping

from webhook.core.model.blocks import Blocks
from webhook.core.model.objects import JsonObject
from webhook.core.model.ranges import RangeError
from webhook.core.provisioning.ranges.allocate import Claim, Ledger


class UnreadableLedgerError(ValueError):
    """The data is not what `written` made for this very ConfigMap; the text says why."""


def written(ledger: Ledger, uid: str) -> dict[str, str]:
    """Return the data for the ConfigMap of that uid.

    `range` is the text of the configuration, `taken` the bits as a hexadecimal number, `claims` a
    line each of block, uid, resourceVersion and name of the namespace.
    """
    claims = "".join(
        f"{claim.block} {owner} {claim.version} {claim.name}\n"
        for owner, claim in sorted(ledger.claims.items(), key=lambda item: item[1].block)
    )
    data = {"range": str(ledger.blocks), "taken": f"{ledger.taken:x}", "claims": claims}
    return {**data, "checksum": _checksum(data, uid)}


def read(data: JsonObject, uid: str) -> Ledger:
    """Return the ledger that a ConfigMap holds.

    The checksum covers the ConfigMap's own uid: what was claimed since a backup was made is not in
    the backup, so a restored copy is as good as none.

    Raises:
        UnreadableLedgerError: it was cut off, edited, or belongs to another ConfigMap.
    """
    texts = {key: data.get(key) for key in ("range", "taken", "claims")}
    absent = [key for key, text in texts.items() if not isinstance(text, str)]
    if absent:
        raise UnreadableLedgerError(f"it has no {', '.join(absent)}")
    if data.get("checksum") != _checksum({key: str(text) for key, text in texts.items()}, uid):
        raise UnreadableLedgerError("it is not as tenantgate wrote it: the checksum does not match")
    try:
        blocks = Blocks.parse(data["range"])
        return Ledger(blocks, int(data["taken"], 16), dict(_claims(data["claims"])))
    except (RangeError, ValueError) as error:
        raise UnreadableLedgerError(str(error)) from None


def _claims(text: str) -> Iterator[tuple[str, Claim]]:
    for line in text.splitlines():
        block, owner, version, name = line.split(" ")
        yield owner, Claim(int(block), name, version)


def _checksum(data: Mapping[str, str], uid: str) -> str:
    import hashlib  # loads OpenSSL, which whoever reads no ledger can do without

    return hashlib.sha256("\n\n".join((uid, *data.values())).encode()).hexdigest()
