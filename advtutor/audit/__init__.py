"""The audit of a network: what can be believed of its robustness, on one page to hand in."""

from advtutor.audit.measure import Measured
from advtutor.audit.report import AuditReport
from advtutor.audit.runner import audit
from advtutor.audit.subject import AuditError
from advtutor.audit.supplied import supplied
from advtutor.audit.words import Finding

__all__ = ["AuditError", "AuditReport", "Finding", "Measured", "audit", "supplied"]
