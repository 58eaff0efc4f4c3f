"""Which labels an episode can have: each value tidied, or refused with the field's name.  Writes nothing."""

from __future__ import annotations

from typing import Any

from episodes.models import MAX_INSTRUCTION, Episode
from episodes.services import taxonomy
from protocol.errors import Refused

#: whoever changes one of these has said how the episode ended
JUDGEMENT = frozenset({"outcome", "failure", "quality", "reviewed"})


def cleaned(episode: Episode, values: dict[str, Any]) -> dict[str, Any]:
    """The same changes as they are kept; what follows from them is added.  `Refused("invalid_field:<name>")`."""
    values = dict(values)
    if "instruction" in values:
        values["instruction"] = _instruction(values["instruction"])
    if "tags" in values:
        values["tags"] = _tags(values["tags"])
    if "comment" in values:
        values["comment"] = values["comment"].strip()
    _failure(episode, values)
    _trim(episode, values)
    return values


def second(episode: Episode, label: dict[str, Any]) -> dict[str, Any]:
    """A whole label (outcome, failure, quality) of somebody who does not see the one there is."""
    if label["failure"]:
        _kind(episode, label["failure"], label["outcome"])
    return label


def _instruction(text: str) -> str:
    text = text.strip()
    if len(text) > MAX_INSTRUCTION or not text.isprintable():
        raise Refused("invalid_field:instruction", f"Use one line of at most {MAX_INSTRUCTION} visible characters.")
    return text


def _tags(tags: list[str]) -> list[str]:
    """Without spaces at the ends, each once whatever its case, in the order given."""
    found: dict[str, str] = {}
    for tag in (" ".join(tag.split()) for tag in tags):
        if not tag or not tag.isprintable() or "," in tag:
            raise Refused("invalid_field:tags", "A tag is one or a few visible words without a comma.")
        found.setdefault(tag.casefold(), tag)
    return list(found.values())


def _failure(episode: Episode, values: dict[str, Any]) -> None:
    """A kind of failure makes the episode a failure; another outcome takes the kind away."""
    if values.get("failure"):
        _kind(episode, values["failure"], values.setdefault("outcome", "failure"))
    elif "outcome" in values and values["outcome"] != "failure" and episode.failure:
        values["failure"] = ""


def _kind(episode: Episode, kind: str, outcome: str) -> None:
    if outcome != "failure":
        raise Refused("invalid_field:failure", "A kind of failure needs the outcome failure.")
    offered, _ = taxonomy.failures(episode.organisation_id)
    if kind not in offered and kind != episode.failure:
        raise Refused("invalid_field:failure", f"{kind!r} is not a kind of failure here: {', '.join(offered)}.")


def _trim(episode: Episode, values: dict[str, Any]) -> None:
    """Rows 0 <= first <= last < rows; an end that is where the recording ends is kept as None."""
    if not values.keys() & {"trim_first", "trim_last"}:
        return
    first = values.get("trim_first", episode.trim_first) or 0
    last = values.get("trim_last", episode.trim_last)
    last = episode.rows - 1 if last is None else last
    if not 0 <= first <= last < episode.rows:
        field = "trim_first" if "trim_first" in values else "trim_last"
        raise Refused(f"invalid_field:{field}", f"Keep rows from 0 to {episode.rows - 1}, the first before the last.")
    values["trim_first"] = first or None
    values["trim_last"] = None if last == episode.rows - 1 else last
