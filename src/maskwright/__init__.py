"""maskwright: a reproducible workshop for masks in vision models."""

__version__ = "0.1.0"
