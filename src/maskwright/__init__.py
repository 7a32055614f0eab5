"""maskwright: a reproducible workshop for masks in vision models."""
