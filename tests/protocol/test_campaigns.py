"""A take that belongs to a campaign: what may be named, and that sides which know nothing of it still understand."""

from __future__ import annotations

import json

import pytest

from protocol import channel
from protocol.errors import Refused
from protocol.wire import decode


def start(**more: str) -> object:
    return decode(json.dumps({"v": 1, "type": "record_start", "instruction": "lift", **more}), channel.FromBrowser)


def test_a_start_without_a_campaign_is_what_it_was() -> None:
    assert start() == channel.RecordStart(instruction="lift")


def test_a_campaign_is_named_by_its_row() -> None:
    named = start(campaign="c" * 32, prompt="0" * 32)
    assert named == channel.RecordStart(instruction="lift", campaign="c" * 32, prompt="0" * 32)


@pytest.mark.parametrize("id", ["C" * 32, "c" * 31, "c" * 33, "c" * 32 + "\n", "\n", "../../x"])
def test_anything_else_is_no_campaign(id: str) -> None:
    with pytest.raises(Refused) as refused:
        start(campaign=id)
    assert refused.value.code == "invalid_field:campaign"
