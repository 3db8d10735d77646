"""What makes the notebooks, the pages and the ledger: run as `python -m tools.FOLDER.NAME`."""
