"""A contest for a class, offline: attack a network that nobody has seen, and defend your own."""

from advtutor.contest.scoring import Result, board, judge
from advtutor.contest.setting import Contest, ContestError, new

__all__ = ["Contest", "ContestError", "Result", "board", "judge", "new"]
