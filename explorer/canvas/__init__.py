"""The die on which a chip is drawn: scene, view and gestures."""
