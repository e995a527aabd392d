"""Our page of a failure where DEBUG is on, too; the traceback is in the log."""

from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter

from api.transport.errors import server_error_view


class FailurePage(ExceptionReporter):
    """What Django shows of an exception that no view took care of."""

    request: HttpRequest | None

    def get_traceback_html(self) -> SafeString:
        """Return the page."""
        if self.request is None:
            return super().get_traceback_html()
        page = server_error_view(self.request).content.decode()
        return mark_safe(page)  # noqa: S308  (made by a template of ours)
