"""What our pages share: one HTML file each, offline, in English and Spanish, for both themes, readable without scripts."""
