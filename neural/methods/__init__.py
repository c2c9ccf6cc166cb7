"""Methods that need PyTorch: one file, one paper. Importing them loads no torch."""
