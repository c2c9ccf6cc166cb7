"""Holes in a picture, filled from coarse to fine by the patches around them."""
