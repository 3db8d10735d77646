"""What is printed for a learner, also where the output cannot show every character."""

import sys

_WORDS = str.maketrans({"✓": "ok", "✗": "wrong", "○": "open", "×": "x", "−": "-", "ε": "eps"})


def say(text: str) -> None:
    """Print a line. Marks become words where the output's encoding lacks them, say ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_WORDS).encode(encoding, "backslashreplace").decode(encoding)
    print(text)
