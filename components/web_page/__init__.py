"""What our pages share. Each is one HTML file: offline, in English and Spanish, readable without scripts."""
