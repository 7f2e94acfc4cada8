"""What `yachay new` infers and writes."""
