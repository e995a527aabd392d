"""Who there is: users and their accounts."""
