"""The pages of the operators' site that are of no model; Django finds them here."""

from zavora.desk.customer import customer
from zavora.desk.finding import find
from zavora.desk.overview import overview
from zavora.foundation.admin.site import Page, add_page, show_at_index

show_at_index(overview)
add_page(Page("find/", find, "find", "Find a customer"))
add_page(Page("customers/<int:user_id>/", customer, "customer"))
