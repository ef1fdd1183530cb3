"""``aegis doctor``: is everything connected as you think it is. It looks, and makes nothing."""
