"""Measure what loading costs, side by side on one machine: only the ratios inside one run count."""
