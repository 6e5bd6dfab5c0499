"""Who scores the pieces of a job: threads of this process, or processes elsewhere."""
