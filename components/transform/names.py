"""Names in the transformed examples that are no column of the data."""

SPLIT_KEY = "_split_key"
"""The key of the split: the fingerprint of a record's group, or its time as a number; absent where there is no key."""

CUT_OF = "_cut_of"
"""The number that the classes are a cut of, NaN where it is missing; absent where they are a cut of none."""
