"""The model store: the layout of a push, the folders and buckets that hold pushes, and their digests."""
