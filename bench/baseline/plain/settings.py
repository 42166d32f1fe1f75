"""Secrets and addresses with Powertools' parameters, cached for five minutes."""

import json
import os
from typing import Any

from aws_lambda_powertools.utilities.parameters import SSMProvider

_PREFIX = os.environ["SETTINGS_PREFIX"]
_LIFETIME = 300
_provider = SSMProvider()


def settings() -> tuple[str, dict[str, dict[str, Any]]]:
    """The public base URL and each provider's credentials, in one GetParameters call."""
    names = {owner: f"{_PREFIX}/secrets/{owner}" for owner in ("twilio", "messagebird")}
    urls = f"{_PREFIX}/public-base-urls"
    wanted = {name: {"max_age": _LIFETIME} for name in (urls, *names.values())}
    found: dict[str, Any] = _provider.get_parameters_by_name(parameters=wanted, decrypt=True)
    return found[urls].split(",")[0], {owner: json.loads(found[name]) for owner, name in names.items()}
