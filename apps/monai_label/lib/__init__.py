"""The parts of the Label app; only `adapters` knows MONAI Label."""
