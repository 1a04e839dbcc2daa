"""What is handed out: the assignment file, the hand-out, the notebook it is made of."""
