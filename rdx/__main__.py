"""``python -m rdx`` is the command ``rdx``."""

from rdx.cli import main

if __name__ == "__main__":
    main()
