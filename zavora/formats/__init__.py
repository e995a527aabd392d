"""How the server's pages write dates and times, by language (Django's FORMAT_MODULE_PATH)."""
