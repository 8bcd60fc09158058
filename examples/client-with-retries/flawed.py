"""Clients that are wrong on purpose, so that you see the tests notice."""

from patient_client import Failure, PatientClient


class WithoutRetry(PatientClient):
    """Tries once."""

    def worth_another_try(self, failure: Failure, begun: bool) -> bool:
        """Never."""
        return False


class TooEager(PatientClient):
    """Tries again in the middle of an answer, so that its beginning comes twice."""

    def worth_another_try(self, failure: Failure, begun: bool) -> bool:
        """Always."""
        return True
