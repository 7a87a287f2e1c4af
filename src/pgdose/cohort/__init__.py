"""Who takes part in a study group: selecting, balancing, splitting, copies."""
