"""The audit of a network in a file: the process that `advtutor audit` starts for it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from advtutor._files import whole_file
from advtutor._say import say
from advtutor.audit import files
from advtutor.audit.runner import audit
from advtutor.audit.subject import AuditError


def main(
    network: str, images: str, out: str, weights: str | None, pictures: int, **settings: Any
) -> int:
    """Read, measure, write; 0 if nothing was found, 1 if something was, 2 for a refusal."""
    file, _, name = network.rpartition(":")
    if not file.endswith(".py"):
        file, name = network, ""
    try:
        x, y = files.pictures(Path(images), pictures, settings["seed"])
        model = files.network(Path(file), name, Path(weights) if weights else None)
        report = audit(model, x, y, progress=True, **settings)
        report.settings = {"network": network, "images": images, **report.settings}
        pages = {"report.html": report.to_html(), "report.md": report.to_markdown()}
        for page, text in pages.items():
            with whole_file(Path(out) / page) as new:
                new.write_text(text, encoding="utf-8")
    except (AuditError, OSError) as fault:
        print(f"advtutor audit: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("advtutor audit: interrupted before anything was measured", file=sys.stderr)
        return 2
    say(f"{report}\n\nthe page to hand in: {Path(out) / 'report.html'}")
    return int(not report.sound)


if __name__ == "__main__":
    status = main(**json.loads(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # whatever threads the user's file has left behind
