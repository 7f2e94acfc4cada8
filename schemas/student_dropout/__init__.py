"""The schema of `student_dropout` (UCI 697), and synthetic records of its form."""
