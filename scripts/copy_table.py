"""Copy a restored table's items into the live one, where existing items stay (docs/operations.md). Safe to repeat.

.venv/bin/python scripts/copy_table.py sms-tracker-restored sms-tracker-messages-ABC
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_PROGRESS = 10_000
"""Items read between two progress lines."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Copy the items that the live table lacks from a restored one.")
    parser.add_argument("source", help="the restored table")
    parser.add_argument("target", help="the live table")
    options = parser.parse_args(arguments)
    source, target = options.source, options.target
    done = Counter[str]()
    try:
        _copy(source, target, done)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}; {done['copied']} copied so far: run it again")
    print(f"{done['copied']} copied, {done['kept']} were there already")


def _copy(source: str, target: str, done: Counter[str]) -> None:
    dynamodb = boto3.client("dynamodb")
    key = dynamodb.describe_table(TableName=target)["Table"]["KeySchema"][0]["AttributeName"]
    for page in dynamodb.get_paginator("scan").paginate(TableName=source):
        for item in page["Items"]:
            try:
                dynamodb.put_item(TableName=target, Item=item, ConditionExpression=f"attribute_not_exists({key})")
                done["copied"] += 1
            except dynamodb.exceptions.ConditionalCheckFailedException:
                done["kept"] += 1
            if done.total() % _PROGRESS == 0:
                print(f"{done.total()} read", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
