"""What the chapters train and measure: tasks and drivers, apart from the mathematics."""
