"""How each kind of source becomes records and pixels. Knows nothing of groups or networks."""
