"""What the operators' pages of all apps share."""
