"""The Qt application around hwlib."""
