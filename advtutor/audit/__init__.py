"""The audit of a network: what can be believed of its robustness, on one page to hand in."""

from advtutor.audit.measure import Measured
from advtutor.audit.report import AuditReport, Finding
from advtutor.audit.runner import audit
from advtutor.audit.subject import AuditError
from advtutor.audit.supplied import supplied

__all__ = ["AuditError", "AuditReport", "Finding", "Measured", "audit", "supplied"]
