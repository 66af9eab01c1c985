"""envdoctor: will PyTorch use the GPU on this machine, and if not, what exactly is wrong and what mends it."""

__version__ = "0.1.0"
