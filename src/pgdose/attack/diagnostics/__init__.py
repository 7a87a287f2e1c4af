"""Whether an attack can be believed: checks of its surface, each with a figure and a verdict.

Cheap checks look at the surface and a few images, and always run. Expensive ones attack some images
again, in another way. None of them proves an attack good: success rates are lower bounds, and a
check that fails says how they could be too low.

To add a check, write a function in `cheap` or `expensive` that takes `CheckInputs` and returns a
`CheckResult`, or raises `NotApplicable` with the reason. Name it in the dictionary at the end of
the file, and describe it in `reference.check_texts`, for docs/reference/checks.md.
"""
