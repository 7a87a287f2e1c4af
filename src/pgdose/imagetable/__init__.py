"""Sources of ready images that a table describes."""
