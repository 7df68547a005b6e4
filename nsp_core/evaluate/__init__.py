"""Scores per frame, their intervals over recordings, splits without leakage, and the baselines beside every score."""
