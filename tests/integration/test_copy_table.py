"""scripts/copy_table.py: a restored table's items come back, and what is there already stays."""

from __future__ import annotations

import boto3
import pytest

from scripts.copy_table import main
from tests import tables


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("resource", "key"), [("MessagesTable", "message_id"), ("StateTable", "pk")])
def test_missing_items_are_copied_and_existing_ones_stay(
    resource: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dynamodb = boto3.client("dynamodb")
    for table, ids in {"restored": ("a", "b", "c"), "live": ("b",)}.items():
        tables.create(tables.client(), resource, table)
        for each in ids:
            dynamodb.put_item(TableName=table, Item={key: {"S": each}, "of": {"S": table}})

    main(["restored", "live"])

    found = dynamodb.scan(TableName="live")["Items"]
    assert {item[key]["S"]: item["of"]["S"] for item in found} == {"a": "restored", "b": "live", "c": "restored"}
    assert capsys.readouterr().out == "2 copied, 1 were there already\n"


@pytest.mark.usefixtures("aws")
def test_a_table_that_does_not_exist_is_one_line_that_says_what_was_done() -> None:
    with pytest.raises(SystemExit, match=r"error: .*not found.*; 0 copied so far: run it again"):
        main(["restored", "live"])
