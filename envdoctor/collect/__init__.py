"""From a live machine to facts: one collector per fact, all through one door (`host.py`)."""
