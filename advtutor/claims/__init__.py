"""A claim's whole life: the cell, the paper's table, the experiments, their runs, the ledger."""

from advtutor.claims.cell import ClaimError, claim
from advtutor.claims.paper import PaperClaim, known_claim, paper_claims

__all__ = ["ClaimError", "PaperClaim", "claim", "known_claim", "paper_claims"]
