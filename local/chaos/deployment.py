"""The template as the chaos suite deploys it: functions behind the fault proxy, shorter waits."""

from __future__ import annotations

from dataclasses import dataclass

from local.template import Template, set_variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How a run differs from the template: waits in seconds, hanging providers, concurrent sends."""

    hangs: bool = True
    claim: int = 33
    visibility: int = 25
    reconcile_after: int = 20
    unknown_after: int = 80
    look_again_after: int = 15
    reconcile_every: float = 8.0
    at_once: int = 12


FULL = Scale()
SHORT = Scale(
    hangs=False,
    claim=10,
    visibility=10,
    reconcile_after=4,
    unknown_after=22,
    look_again_after=5,
    reconcile_every=3.0,
    at_once=8,
)
"""Without hanging sends, claims and ages can be shorter."""

_RECONCILER_SECONDS = 40
PARAMETERS = {"LookupsPerSecond": "50"}
"""The template's parameters."""

LIMITS = {"daily_cap": 7_000, "recipient": {"day": 50}, "outage": "closed"}
"""Limits that no run reaches; with them every send is counted in both counters."""


def with_faults(template: Template, *, proxy: str, scale: Scale) -> Template:
    """Route the functions' AWS calls through ``proxy``, disable the stream mapping, shorten the waits."""
    resources = template["Resources"]
    template["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = proxy
    resources["PublisherFunction"]["Properties"]["Events"]["Changes"]["Properties"]["Enabled"] = False
    for queue in ("ReportsQueue", "InboundQueue"):
        resources[queue]["Properties"]["VisibilityTimeout"] = scale.visibility
    resources["ReconcilerFunction"]["Properties"]["Timeout"] = _RECONCILER_SECONDS
    set_variables(template, "send", CLAIM_SECONDS=str(scale.claim))
    set_variables(
        template,
        "reconciler",
        CLAIM_SECONDS=str(scale.claim),
        RECONCILE_AFTER_SECONDS=str(scale.reconcile_after),
        UNKNOWN_AFTER_SECONDS=str(scale.unknown_after),
        LOOK_AGAIN_AFTER_SECONDS=str(scale.look_again_after),
        RUN_SECONDS=str(_RECONCILER_SECONDS // 2),
    )
    return template
