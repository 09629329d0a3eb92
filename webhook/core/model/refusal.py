"""The refusal of what could not be decided."""

from dataclasses import replace

from webhook.core.model.finding import Decision

NOT_EVALUATED = "not evaluated: "
RETRY_AFTER_SECONDS = 1


def not_evaluated(why: str, retry: bool = False) -> Decision:
    """Return the refusal of a request that could not be decided.

    Args:
        why: the reason, without a full stop.
        retry: whether time alone will mend it; clients then repeat the request by themselves.
    """
    return Decision(
        allowed=False,
        message=f"{NOT_EVALUATED}{why}",
        code=429 if retry else 500,
        reason="TooManyRequests" if retry else "InternalError",
        retry_after=RETRY_AFTER_SECONDS if retry else 0,
        evaluated=False,
    )


def unreadable(why: str) -> Decision:
    """Return the refusal of an object that is of no readable shape (422 Invalid)."""
    return replace(not_evaluated(why), code=422, reason="Invalid")
