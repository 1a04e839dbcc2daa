"""The learning systems, one class in one file each; `intake.system` says what one has to do."""
