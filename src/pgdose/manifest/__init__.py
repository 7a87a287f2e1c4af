"""The manifest of a study's results: every file with its size and SHA-256.

document    the manifest's text: its form, writing it, reading it back checked
files       which files are results, what stands at a path, hashing
writing     from a finished results folder to its manifest
comparison  a results folder against its manifest: missing, changed, swapped, added files
signature   Ed25519 signatures of a manifest
"""
