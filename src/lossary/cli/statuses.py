"""Exit statuses of the command line, as its help and the documentation list them."""

FAILED = 1
USAGE = 2
BAD_DATA = 3
UNFORESEEN = 70
INTERRUPTED = 130
# A shell reports a process that a signal ended as 128 and the number of the signal.
BROKEN_PIPE = 128 + 13
TERMINATED = 128 + 15

#: For the end of a help page. Click does not wrap a paragraph that begins with \b.
HELP = """\b
Exit status:
  0    done
  1    a mean (compare: the lower end of an interval) is above --fail-above
  2    wrong command line
  3    data that cannot be used, a mean over nothing with --fail-above, or
       output that cannot be written
  70   an error that was not foreseen; LOSSARY_TRACEBACK=1 shows where
  130  interrupted
"""
