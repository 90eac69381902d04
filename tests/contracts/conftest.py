"""Makes the Ganache fixture known to the tests of this folder."""

from ganache_node import node

__all__ = ["node"]
