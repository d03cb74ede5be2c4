"""Windows of their own: command palette, preferences, welcome, log and about."""
