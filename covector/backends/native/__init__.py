"""The native backend: programs as machine code, by LLVM, where ``llvmlite`` is installed."""
