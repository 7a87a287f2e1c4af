"""Attacks: tensors in, response surface out. Knows no files but its own tables, no groups."""
