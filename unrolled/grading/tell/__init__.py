"""What people are told: tables, feedback, the class page, the sheets for marking by hand."""
