"""Typed tables of what is known about CUDA, torch, GPUs and messages; each row names its source."""
