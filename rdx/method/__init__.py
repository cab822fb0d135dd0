"""The algorithm: pure functions and the estimator. No file, no model, no plot."""
