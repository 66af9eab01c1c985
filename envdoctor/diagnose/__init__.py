"""From facts to findings, from findings to one verdict."""
