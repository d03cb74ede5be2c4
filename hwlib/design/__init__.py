"""What the user draws: parts, designs, edits and files."""
