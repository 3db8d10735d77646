"""What is said to a learner: words on a terminal, words and data in a notebook."""

import base64
import json
from collections.abc import Iterator

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from advtutor._say import TOLD
from advtutor.claims import claim
from tools.notebooks.execution import ThisPython

CLAIM = "claim('ours', 0.117, 0.1, 0.2, unit='%', statement='the error falls')"
SAID = "✓ claim ours: the error falls. Here between 10 % and 20 %.\nmeasured 11.7 %"
CELLS = (
    "from advtutor.claims import claim\nfrom advtutor.predictions import predict",
    f"print('before')\n{CLAIM}",
    "guess = predict('guess', ['up', 'down'])\nguess",
    "guess.compare('up')",
    "guess.compare('up', reveal=False)",
    "share = predict('share', low=0, high=1, unit='%')\nshare",
    "share.compare(0.193, unit='%')",
)


@pytest.fixture(scope="module")
def outputs() -> Iterator[list[list[NotebookNode]]]:
    """The outputs of each of `CELLS`, run in a kernel."""
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
    NotebookClient(notebook, km=manager, timeout=120).execute()
    nbformat.validate(notebook)
    yield [cell.outputs for cell in notebook.cells]


def test_a_terminal_gets_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a claim that says nothing, or says a data bundle, where there is no notebook."""
    claim("ours", 0.117, 0.1, 0.2, unit="%", statement="the error falls")
    assert capsys.readouterr().out == f"{SAID}\n"


def test_a_notebook_keeps_words_and_data(outputs: list[list[NotebookNode]]) -> None:
    """Catches measured numbers in what nbval compares, and words that lose their data."""
    before, told = outputs[1]
    assert before.text == "before\n" and told.data["text/plain"] == SAID
    assert told.data[TOLD] == {
        "claim": "ours",
        "statement": "the error falls",
        "band": "between 10 % and 20 %",
        "paper": None,
    }
    assert told.metadata[TOLD] == {"measured": "11.7 %", "value": 0.117}


def test_a_prediction_keeps_what_it_offers(outputs: list[list[NotebookNode]]) -> None:
    """Catches offers, bounds and numbers that a page would have to read out of a sentence."""
    (asked,), (told,) = outputs[2:4]
    assert asked.data[TOLD] == {"prediction": "guess", "offers": ["up", "down"]}
    assert asked.metadata[TOLD] == {}
    assert told.data[TOLD] == {"prediction": "guess"}
    assert told.metadata[TOLD] == {
        "came out": "it came out: up",
        "measured": "up",
        "predicted": None,
    }
    (asked,), (told,) = outputs[5:]
    assert asked.data[TOLD]["offers"] == ["a number from 0.0 % to 100.0 %"]
    assert asked.metadata[TOLD] == {"low": 0, "high": 1, "unit": "%"}
    assert told.metadata[TOLD]["measured"] == 0.193


def test_a_riddle_keeps_its_answer(outputs: list[list[NotebookNode]]) -> None:
    """Catches an answer that is hidden in the words and stored in the data."""
    metadata = outputs[4][0].metadata[TOLD]
    assert metadata["came out"] is None and metadata["measured"] is None
    assert "up" not in str(outputs[4][0].data) + str(metadata)
    sealed = json.loads(base64.b64decode(metadata["sealed"]))
    assert sealed == {"came out": "it came out: up", "measured": "up"}
