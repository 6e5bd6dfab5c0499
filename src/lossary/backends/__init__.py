"""Who computes: one file per array library, found by the name of the library's package."""
