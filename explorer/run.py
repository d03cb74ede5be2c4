"""What `make run` does: the window on an example design, or what comes closest on a machine without a display.

Without a display the same example is evaluated offscreen and leaves a picture and an HTML report in out/; where Qt
cannot load at all it leaves the report alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from explorer import cli
from explorer.preflight import display_state, draws_on_display, install_line, missing_libraries, needs_xcb, os_release

EXAMPLE = "tensor-gpu-hbm3"
OUT = Path("out")
_WHY = {
    "none": "There is no display here, so no window can open.",
    "dead": "The display that is named here (DISPLAY or WAYLAND_DISPLAY) does not answer, so no window can open.",
    "ok": "",
}


def _chipscape(*arguments: str, **environment: str) -> int:
    """Run one command in its own process, so that Qt failing in one leaves the other; its exit code."""
    command = [sys.executable, "-m", "explorer", *arguments]
    return subprocess.run(command, env=os.environ | environment, check=False).returncode


def why_no_window(missing: tuple[str, ...]) -> str:
    """In words, why a window cannot open here; empty where it can."""
    if missing:
        return f"Qt cannot open a window here: {', '.join(missing)} missing."
    if not draws_on_display():
        return f"QT_QPA_PLATFORM is {os.environ['QT_QPA_PLATFORM']}, which shows no window."
    return _WHY[display_state()]


def without_window(qt_loads: bool) -> int:
    """Evaluate the example and leave what can be left; 0 when all of it was written."""
    OUT.mkdir(exist_ok=True)
    report, picture = OUT / "example.html", OUT / "example.png"
    for old in (report, picture):
        old.unlink(missing_ok=True)
    wanted = [(report, ["evaluate", EXAMPLE, "--out", str(report)])]
    if qt_loads:
        wanted.append((picture, ["screenshot", EXAMPLE, "--out", str(picture)]))
    codes = [_chipscape(*command, QT_QPA_PLATFORM="offscreen") for _, command in wanted]
    written = [str(path) for path, _ in wanted if path.is_file()]
    print(f"Written instead: {', '.join(written) or 'nothing'}")
    return 0 if len(written) == len(wanted) and not any(codes) else 1


def main() -> int:
    """Open the window, or say why not and leave the example's results in out/."""
    missing = missing_libraries(xcb=needs_xcb())
    reason = why_no_window(missing)
    if not reason:
        return cli.run(["gui", EXAMPLE])
    print(reason, flush=True)
    code = without_window(qt_loads=not missing_libraries(xcb=False))
    if missing:
        print("To see the window, install what is missing:\n  " + install_line(missing, os_release()))
    print("More without a window: chipscape --help")
    return code


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
