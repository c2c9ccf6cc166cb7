"""neural: what needs PyTorch. The extra `neural` of texto brings it.

Importing this package, `neural.runtime.weights` or `neural.metrics` loads no torch; the rest does.
"""
