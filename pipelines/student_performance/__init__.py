"""`student_performance`: the grade class of a student."""
