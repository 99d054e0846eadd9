"""The parts of the Deploy application; only `app` and `operators` know the SDK."""
