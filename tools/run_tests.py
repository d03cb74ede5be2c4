"""What `make test` and `make lint` do: ruff, mypy, then pytest, as far as this machine's libraries allow.

Where Qt cannot load, the library's tests run alone and this says so; under CI that is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from explorer.preflight import install_line, missing_libraries, os_release  # noqa: E402


def step(*arguments: str) -> bool:
    print("$ " + " ".join(arguments), flush=True)
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False).returncode == 0


def lint() -> list[str]:
    """The checks that failed."""
    return [name for name, arguments in (("ruff", ["ruff", "check"]), ("mypy", ["mypy"])) if not step(*arguments)]


def say_left_out(missing: tuple[str, ...]) -> None:
    print(f"Qt cannot load here: {', '.join(missing)} missing.")
    print("The library's tests run; tests/explorer and tests/journeys (the window) are skipped. To run them too:")
    print("  " + install_line(missing, os_release()), flush=True)


def main() -> int:
    failed = lint()
    if "--lint" in sys.argv:
        return 1 if failed else 0
    missing = missing_libraries(xcb=False)
    if missing:
        say_left_out(missing)
    if not step("pytest", "-q", *(["-p", "no:pytest-qt"] if missing else [])):
        failed.append("pytest")
    if missing and os.environ.get("CI", "").lower() == "true":
        failed.append("the window's tests, which CI must not skip")
    if failed:
        print(f"make test failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
