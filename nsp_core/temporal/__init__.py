"""Operators over time, the same for features and programs: windows, filters, and how long something has been true."""

from __future__ import annotations

from nsp_core.temporal.operators import TEMPORAL_OPERATORS, TemporalOperator, temporal_operator_for
from nsp_core.temporal.span import Window

__all__ = ["TEMPORAL_OPERATORS", "TemporalOperator", "Window", "temporal_operator_for"]
