"""``python -m lossary``."""

from lossary.cli import main

if __name__ == "__main__":
    main()
