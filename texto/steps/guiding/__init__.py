"""Texture laid along the luminance of another picture."""
