"""The pages of the operators' site that are of no model; Django finds them here."""

from zavora.desk.overview import overview
from zavora.foundation.admin.site import show_at_index

show_at_index(overview)
