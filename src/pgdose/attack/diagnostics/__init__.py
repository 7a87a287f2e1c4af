"""Whether an attack can be believed: checks of its surface, each with a figure and a verdict.

Cheap checks look at the surface and a few images, and always run. Expensive ones attack some images
again, in another way. None of them proves an attack good: success rates are lower bounds, and a
check that fails says how they could be too low.
"""
