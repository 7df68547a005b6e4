"""What a fit minimizes, as loss and derivative over the soft truth of many programs at once.

==============  ========================================================================================
name            loss
==============  ========================================================================================
``balanced``    cross-entropy in which both classes weigh one half, however rare the behavior is
``focal``       the same with rows that are already right turned down by (1 - their probability)^2
``soft_f1``     1 - F1 of the truth taken as probability, over frames as they are
==============  ========================================================================================

References
----------
Lin et al. 2017, Focal loss for dense object detection, doi:10.1109/ICCV.2017.324.
Cui & Zhu 2021, Differentiable synthesis of program architectures, NeurIPS (soft F1 over frames).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import torch

from nsp_core.search.chains import FittingRows

__all__ = ["LOSSES", "LossName", "RowLoss"]

LossName = Literal["balanced", "focal", "soft_f1"]
# (truth (chain, row), rows) -> loss (chain,), derivative by truth (chain, row)
RowLoss = Callable[[torch.Tensor, FittingRows], tuple[torch.Tensor, torch.Tensor]]

FOCUS = 2.0


def _balanced(truth: torch.Tensor, rows: FittingRows) -> tuple[torch.Tensor, torch.Tensor]:
    right = torch.addcmul(rows.absent, rows.sign, truth)
    return -(torch.log(right) @ rows.weight), rows.signed_weight.neg() / right


def _focal(truth: torch.Tensor, rows: FittingRows) -> tuple[torch.Tensor, torch.Tensor]:
    right = torch.addcmul(rows.absent, rows.sign, truth)
    wrong = 1 - right
    log_right, damped = torch.log(right), wrong.pow(FOCUS)
    value = -((damped * log_right) @ rows.weight)
    by_right = FOCUS * wrong.pow(FOCUS - 1) * log_right - damped / right
    return value, by_right.mul_(rows.signed_weight)


def _soft_f1(truth: torch.Tensor, rows: FittingRows) -> tuple[torch.Tensor, torch.Tensor]:
    present, frames = rows.present, rows.frame_share
    hits, claimed = truth @ (present * frames), truth @ frames
    total = claimed + (present * frames).sum()
    value = 1 - 2 * hits / total
    by_truth = frames * (hits[:, None] - present * total[:, None]) * (2 / total.square())[:, None]
    return value, by_truth


LOSSES: Mapping[LossName, RowLoss] = MappingProxyType({"balanced": _balanced, "focal": _focal, "soft_f1": _soft_f1})
