"""Right answers written as programs, by lab; see `variants.programs`."""
