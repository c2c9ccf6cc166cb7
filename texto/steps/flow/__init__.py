"""Flows of patches from noise to those of an exemplar, coarse to fine."""
