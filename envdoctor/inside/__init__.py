"""Runs in the examined interpreter: Python 3.8 and up, standard library (and torch) only; imports nothing of the engine."""
