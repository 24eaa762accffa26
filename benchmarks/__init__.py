"""Measurements: the suite of workloads (`python -m benchmarks`), and scripts that measure one thing each."""
