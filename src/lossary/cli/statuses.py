"""Exit statuses of the command line, as its help and the documentation list them."""

FAILED = 1
USAGE = 2
BAD_DATA = 3
UNFORESEEN = 70
INTERRUPTED = 130
# As a shell reports these signals.
BROKEN_PIPE = 128 + 13
TERMINATED = 128 + 15

#: For the end of a help page; Click keeps the lines of a paragraph that begins so.
HELP = """\b
Exit status:
  0    done
  1    a mean is above --fail-above
  2    wrong command line
  3    data that cannot be used, a mean over nothing with --fail-above, or
       output that cannot be written
  70   an error that was not foreseen; LOSSARY_TRACEBACK=1 shows where
  130  interrupted
"""
