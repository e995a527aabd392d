"""Pages of the operators' site that stand above all apps: the overview, finding, a customer."""
