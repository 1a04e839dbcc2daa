"""Tools the chapters use: verification, data, figures."""
