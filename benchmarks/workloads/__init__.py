"""The workloads, in the order of the report: ``WORKLOADS[name]``."""

from benchmarks.workloads import small, statistics, networks, simulations, nested, recursions, aside  # noqa: I001
from benchmarks.workloads.catalogue import WORKLOADS, Workload
