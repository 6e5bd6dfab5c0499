"""What a library does better or differently with product losses: a file for each."""
