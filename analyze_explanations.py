"""Tables and figures over finished runs.

    python analyze_explanations.py [RUN_DIR...] [--output-dir DIR] [--paper]

Without arguments: the newest runs under outputs/. --paper: PDF without titles.
"""

from rdx.analysis.command import main

if __name__ == "__main__":
    main()
