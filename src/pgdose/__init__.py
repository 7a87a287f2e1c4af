"""pgdose: dose-response of adversarial attacks on medical image classifiers."""
