"""Text that somebody pasted → facts."""
