"""Decoders and encoders of picture formats, over bytes and open streams, for `texto.io.images`."""
