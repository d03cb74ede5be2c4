"""The window as a tool: commands by name, keys, layouts, notices and the log; what the dialogs show and change."""
