"""The paper's claims measured over seeds: recipes, experiments, runs, and the ledger."""
