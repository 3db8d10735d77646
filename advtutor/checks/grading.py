"""Judges one answer in a process of its own: `python -I -m advtutor.checks.grading fgsm`.

The source of the answer comes on stdin. A notebook that is graded may have overwritten anything,
the checks included; here only the answer arrives. Exit status 0 if it is right.
"""

import linecache
import sys

import torch
import torch.nn.functional as F

from advtutor import attacks, checks


def names_around() -> dict[str, object]:
    """What an answer may use: torch, the attacks, and the answers to the other exercises."""
    own = {name: getattr(checks, name).reference for name in checks.__all__}
    around = {"torch": torch, "F": F, "nn": torch.nn, "Tensor": torch.Tensor, "attacks": attacks}
    return {**around, **own}


def judge(name: str, source: str) -> tuple[bool, str]:
    """Whether the function that `source` defines is right, and the check's line on it."""
    file = "<answer>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace = names_around()
    before = namespace.pop(name)
    try:
        exec(compile(source, file, "exec"), namespace)
    except Exception as error:
        return False, f"✗ {name}: its source cannot be run: {type(error).__name__}: {error}"
    answer = namespace.get(name)
    if answer is None or answer is before:
        return False, f"✗ {name}: no function of this name was handed in"
    verdict = getattr(checks, name).judge(answer)
    return verdict.mark == "✓", f"{verdict.mark} {name}: {verdict.text}"


def main() -> None:
    """Judge the answer on stdin to the exercise named on the command line."""
    if len(sys.argv) != 2 or sys.argv[1] not in checks.__all__:
        sys.exit(f"name one exercise: {', '.join(checks.__all__)}")
    right, line = judge(sys.argv[1], sys.stdin.read())
    print(line)
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
