"""Networks: architectures, folding, weights on disk, formats from elsewhere."""
