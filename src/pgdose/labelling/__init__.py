"""Labels from free-text radiological reports."""
