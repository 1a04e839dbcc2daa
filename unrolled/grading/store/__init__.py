"""What is kept on disk: results, records of a run, marks by hand."""
