"""What single pictures show: something, and sharply.  Whether they go on is told by `still`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.finding import Finding
from episodes.data.checks.recording import Recording, joined, runs
from episodes.data.checks.view import View

BLACK_S = 0.12  # so long at least
_BLACK = 30  # grey level (16 is black in video) that hardly a pixel of a black picture passes
_BLACK_SPREAD = 8  # grey levels between its darkest and lightest: a dark room still shows edges
_FLAT_SPREAD = 2
BLUR_S = 0.25
_BLURRED = 0.3  # of the usual sharpness of this camera, along both directions
_NEVER_SHARP = 0.06  # a picture without any sharp edge, whatever it shows
_CONTRAST = 6.0  # squared grey levels: less shows too little to be sharp or not


def black(recording: Recording) -> list[Finding]:
    """`black`: nothing but dark; `flat`: one colour everywhere, as of a camera that has not begun."""
    found = []
    for camera, view in recording.views.items():
        if not view.count:
            continue
        dark, flat = empty(view)
        for code, mask, what in (("black", dark, "is black"), ("flat", flat, "shows one colour and nothing else")):
            for span in joined(runs(mask), 1):
                if span[1] - span[0] + 1 >= recording.rows_in(BLACK_S):
                    sentence = f"{camera} {what} {recording.spoken(span)}."
                    found.append(
                        Finding(code=code, severity="warning", sentence=sentence, camera=camera, first=span[0], last=span[1])
                    )
    return found


def empty(view: View) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """([N] black, [N] of one colour)."""
    pixels = view.small.reshape(view.count, -1)
    low, high = (np.percentile(pixels, share, axis=1) for share in (1, 99))
    dark = (high <= _BLACK) & (high - low <= _BLACK_SPREAD)
    flat = (pixels.max(axis=1).astype(int) - pixels.min(axis=1) <= _FLAT_SPREAD) & ~dark
    return dark, flat


def blurred(recording: Recording) -> list[Finding]:
    """`blurred`: out of focus along both directions, compared with this camera's other pictures of the episode; motion
    blurs along one.  A camera that shows no sharp edge at all is blurred from end to end."""
    found = []
    for camera, view in recording.views.items():
        soft = _soft(view)
        for span in joined(runs(soft), recording.rows_in(0.1)):
            if span[1] - span[0] + 1 >= recording.rows_in(BLUR_S):
                sentence = f"{camera} is out of focus {recording.spoken(span)}."
                found.append(
                    Finding(code="blurred", severity="warning", sentence=sentence, camera=camera, first=span[0], last=span[1])
                )
    return found


def _soft(view: View) -> NDArray[np.bool_]:
    """[N] True where a picture is blurred."""
    seen = (view.contrast > _CONTRAST).all(axis=1)
    if seen.sum() < 3:
        return np.zeros(view.count, bool)
    usual = np.quantile(view.sharpness[seen], 0.75, axis=0)  # of the sharper ones: half an episode may be blurred
    relative = (view.sharpness < _BLURRED * usual).all(axis=1)
    never = (view.sharpness < _NEVER_SHARP).all(axis=1)
    return np.asarray(seen & (relative | never), bool)
