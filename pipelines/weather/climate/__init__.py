"""The climate of a station: normals, anomalies, extremes, trends, homogeneity, and the page that shows them."""
