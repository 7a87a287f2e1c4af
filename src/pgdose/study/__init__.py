"""The study file: pydantic models of its sections, and the messages of their validation."""
