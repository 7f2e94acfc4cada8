"""What the profile page of `yachay new` is made of."""
