"""A system of its own outside the package: hourly stations, the last 48 hours in, quantiles of the next 24 out."""
