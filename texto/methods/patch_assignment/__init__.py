"""Optimal patch assignment (Gutierrez, Galerne, Rabin, Hurtut 2017)."""
