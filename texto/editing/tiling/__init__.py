"""Pictures made seamless: a band round each seam is renewed, the rest stays as it is."""

from .bands import band_width, bands, seam
from .seamless import tile

__all__ = ["band_width", "bands", "seam", "tile"]
