"""The Compare room: designs, devices and pinned snapshots side by side, as a table, as charts and as files."""
