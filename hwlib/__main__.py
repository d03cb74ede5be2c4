"""Runs the commands that need no window as `python -m hwlib`."""

if __name__ == "__main__":
    try:
        # Here, because Ctrl-C may come while the commands load.
        from hwlib.cli import main

        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
