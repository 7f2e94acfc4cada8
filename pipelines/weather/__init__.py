"""Forecasts from station series: files of networks to quality-controlled series, windows, models and their page."""
