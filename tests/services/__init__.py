"""Services: how they are had, and what is left of them."""
