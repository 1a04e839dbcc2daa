"""Unrolled: convolutional and recurrent networks, derived, in NumPy, verified against torch.

Every module directly in this package is generated from the chapter of the same name.
"""

__version__ = "0.1.0"
