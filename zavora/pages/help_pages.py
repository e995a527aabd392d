"""The help: its first page with a search, and a page for each document."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from api.transport.errors import answer_error
from zavora.foundation.errors import NotFound
from zavora.pages.manual import manual
from zavora.pages.manual_search import QUERY_LENGTH_MAX, search


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show what there is to read, or where the words of a query stand."""
    query = request.GET.get("q", "").strip()[:QUERY_LENGTH_MAX]
    context = {
        "query": query,
        "query_length_max": QUERY_LENGTH_MAX,
        "found": search(query) if query else [],
        "documents": manual().values(),
    }
    return render(request, "help.html", context)


@require_safe
def document(request: HttpRequest, name: str) -> HttpResponse:
    """Show one document."""
    found = manual().get(name)
    if found is None:
        return answer_error(request, NotFound("The help has no such page."))
    return render(request, "help_document.html", {"document": found})
