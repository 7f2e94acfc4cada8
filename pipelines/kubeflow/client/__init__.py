"""Uploads, starts, schedules and follows compiled pipelines with the stock client."""
