"""What each loss is: a file per family."""
