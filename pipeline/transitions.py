"""Fades and dissolves: the dream layer leaves and returns with the picture that it was dreamt on.

The layer is carried along the motion together with a small copy of its picture, the reference. What
remains of the reference in the present picture, found by regression, is what should remain of the
layer: all of it in an unedited shot, less and less in a fade out or a dissolve. The correlation of
both tells a fade, in which the dream stays the same, from a dissolve, after which a new one must
grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.frame import Image
from pipeline.imaging.cells import cell_means, sample_cells
from pipeline.imaging.metrics import luminance
from pipeline.imaging.sampling import Border

CELLS = 40
"""Largest number of cells of a reference on the longer side."""
NEIGHBOURS = 7
"""Side in cells of the square whose mean is subtracted: unrelated pictures correlate in what is
larger, such as a bright sky above a dark ground."""
SQUARE = 4
"""Side in pixels of the squares whose means are compared to tell whether a picture is blank."""
BLANK, NEARLY_BLANK = 1 / 255, 4 / 255
"""Standard deviation of a picture up to which it is blank, and up to which a fade in may begin with
it."""
USUAL = 40 / 255
"""Standard deviation at which a picture that fades in is dreamt on at full strength."""
RISING = 1.02
"""Ratio of the standard deviations of two pictures from which a fade in goes on."""
UNCHANGED = (0.75, 1.2)
"""Remaining share of the reference that is taken for all of it. Optical flow is never exact:
measured in shots of 200 frames, the share stays within 0.79 and 1.06."""
GONE = 0.03
"""Remaining share of the reference, or of a layer that leaves, that is taken for nothing."""
REPLACED = 0.6
"""Correlation with the reference below which another picture has replaced it: more than half of a
dissolve is over. In a fade it stays near 1."""
LEAVING = 0.5
"""Factor per frame on what is left of a layer whose picture has been replaced. It is not dreamt on:
the new dream would be drawn over the motifs of the old one."""
GROWING = 8
"""Number of frames in which the steps of the new dream reach full strength."""
RENEWAL = 0.02
"""Share of the present picture that is mixed into the reference of an unedited shot per frame."""
FASTEST = 2.0
"""Largest factor on the layer per frame."""
NOISE = (0.5 / 255) ** 2
"""Variance of the rounding to 8 bits."""


@dataclass(frozen=True)
class Reference:
    """A small copy of the picture that a dream layer was dreamt on, carried along with it."""

    cells: Tensor
    """(1, 1, h, w), mean luminance of each cell, in [0, 1]."""
    remaining: float = 1.0
    """Share of it that remained in the last picture; 1: the picture is unchanged."""
    contrast: float = 0.0
    """Standard deviation of the last picture."""
    fading_in: bool = False
    """Whether a blank picture started to fade in, and still does."""
    leaving: bool = False
    """Whether another picture has replaced it, and the rest of its layer is leaving."""
    growth: float = 1.0
    """Factor on the gradient steps of a dream that grows after a dissolve, in [0, 1]."""


@dataclass(frozen=True)
class Transition:
    """Changes to a carried dream at one frame."""

    reference: Reference | None = None
    """The reference for the next frame. None: transitions are not followed."""
    visibility: float = 1.0
    """Factor on the gradient steps: 0 on a blank picture, which is left as it is."""
    layer_factor: float = 1.0
    """Factor on the carried layer."""
    level_factor: float = 1.0
    """Factor on the strength that it should keep."""
    is_new: bool = False
    """Whether nothing of the dream is left, and a new one must grow."""


def begin(picture: Image) -> Transition:
    """Return the transition at the start of a shot."""
    cells = _cells(picture)
    contrast = float(_contrast(picture))
    fading_in = contrast < NEARLY_BLANK
    visibility = _visibility(contrast) if fading_in else 1.0
    return Transition(Reference(cells, 1.0, contrast, fading_in), visibility)


def in_flash(picture: Image, reference: Reference) -> Transition:
    """Return the transition from the last frame, with this reference, to a flash in the shot."""
    is_blank = float(_contrast(picture)) <= BLANK
    shown = 0.0 if is_blank else 1.0
    return Transition(reference, visibility=shown, layer_factor=shown)


def follow(
    reference: Reference, picture: Image, positions: Tensor, confidence: Tensor, border: Border
) -> Transition:
    """Return the transition from the last frame to one within the shot.

    reference: that of the last frame. positions: (1, H, W, 2), where each pixel was in the last
    frame, in pixels from the centre. confidence: (1, 1, H, W) in [0, 1]. border: content beyond the
    edges.
    """
    cells = _cells(picture)
    size = (cells.shape[2], cells.shape[3])
    trusted = cell_means(confidence, size)
    moved = sample_cells(reference.cells, positions, border).clamp_(0, 1)
    moved = cells.lerp(moved, trusted)  # content that entered is its own reference
    now, then = _structure(cells), _structure(moved)
    area = trusted.sum() + 1e-6
    covariance = (now * then * trusted).sum() / area
    variances = [(one.square() * trusted).sum() / area for one in (now, then)]
    share = (covariance + NOISE) / (variances[1] + NOISE)
    correlation = (covariance + NOISE) / ((variances[0] + NOISE) * (variances[1] + NOISE)).sqrt()
    figures = torch.stack([_contrast(picture), share, correlation])
    contrast, share, correlation = figures.tolist()
    if contrast <= BLANK:
        return Transition(Reference(cells, 1.0, contrast, True), 0.0, 0.0, is_new=True)
    if reference.fading_in:
        factor = min(FASTEST, contrast / max(reference.contrast, BLANK))
        newest = Reference(cells, 1.0, contrast, contrast > RISING * reference.contrast)
        visibility = _visibility(contrast) if newest.fading_in else 1.0
        return Transition(newest, visibility, factor, visibility)
    if reference.leaving or correlation < REPLACED:
        return _leave(reference, cells, contrast)
    remaining = _remaining(share)
    factor = min(FASTEST, remaining / max(reference.remaining, GONE))
    growth = min(1.0, reference.growth + 1 / GROWING)
    renewal = RENEWAL if abs(factor - 1) < RENEWAL else 0.0
    newest = Reference(moved.lerp(cells, renewal), remaining, contrast, growth=growth)
    return Transition(newest, growth, factor, remaining * growth)


def _leave(reference: Reference, cells: Tensor, contrast: float) -> Transition:
    """Return the transition to a picture, of these cells, that has replaced the reference."""
    remaining = LEAVING * reference.remaining
    if remaining > GONE:
        newest = Reference(cells, remaining, contrast, leaving=True)
        return Transition(newest, 0.0, LEAVING, remaining)
    growth = 1 / GROWING
    newest = Reference(cells, 1.0, contrast, growth=growth)
    return Transition(newest, growth, 0.0, growth, is_new=True)


def _remaining(share: float) -> float:
    """Return the share of the reference that remains: 1 if it is within UNCHANGED."""
    low, high = UNCHANGED
    return max(share, 0.0) / low if share < low else max(1.0, share / high)


def _visibility(contrast: float) -> float:
    """Return the factor on steps for a picture that fades in."""
    return 0.0 if contrast <= BLANK else min(1.0, contrast / USUAL)


def _cells(picture: Image) -> Tensor:
    """Return the mean luminance of each cell of a picture (1, 3, H, W): (1, 1, h, w)."""
    height, width = picture.shape[2:]
    side = max(SQUARE, max(height, width) / CELLS)
    return luminance(
        cell_means(picture, (max(1, round(height / side)), max(1, round(width / side))))
    )


def _structure(cells: Tensor) -> Tensor:
    """Return the cells without the mean of their surroundings."""
    radius = min(NEIGHBOURS // 2, cells.shape[2] - 1, cells.shape[3] - 1)
    padded = F.pad(cells, [radius] * 4, mode="reflect") if radius else cells
    return cells - F.avg_pool2d(padded, 2 * radius + 1, stride=1)


def _contrast(picture: Image) -> Tensor:
    """Return the standard deviation of a picture (1, 3, H, W), a scalar.

    Squares of a few pixels are averaged first: on a blank picture, compression leaves noise.
    """
    squares = F.avg_pool2d(picture, min(SQUARE, *picture.shape[2:]))
    return squares.std(dim=(2, 3), correction=0).mean()
