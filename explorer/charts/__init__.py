"""The charts under the canvas: each shows the newest results, follows the theme and the selected operator."""
