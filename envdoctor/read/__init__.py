"""Text → facts: what machines printed, found in what people paste. One file per kind of output, each a pure function."""
