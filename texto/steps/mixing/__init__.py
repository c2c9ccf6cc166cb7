"""Textures between textures: several exemplars in one model, and mixes that vary in space."""
