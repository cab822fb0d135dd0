"""``python -m rdx.data.download NAME``; see `rdx.data.download.command`."""

from rdx.data.download.command import main

raise SystemExit(main())
