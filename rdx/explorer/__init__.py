"""The explorer: one comparison as one HTML file that opens from disk, without a network.

`build.explorer_page` makes it from a `content.Content`: arrays and texts, no path and no configuration. What
the page looks like and does is in page/: a template, a style sheet and a few scripts, inlined by page.py.
"""
