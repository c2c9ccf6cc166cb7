"""Texture optimisation (Kwatra, Essa, Bobick, Kwatra 2005)."""
