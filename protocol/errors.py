"""How every part says no: a typed code for programs, a plain sentence for people."""

from __future__ import annotations


class Refused(Exception):
    """An input was refused and nothing changed.

    `code` is snake_case and stable; `sentence` says what is true and what to do next; `detail` holds what a program may
    want besides (a current version, an owner, seconds to wait).
    """

    def __init__(self, code: str, sentence: str, **detail: object) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.detail = detail
