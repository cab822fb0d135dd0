"""`RDX(scale="auto")`: what differs, each group at its own scale, and no more than chance would not show.

The paper's way takes k, γ and β and returns as many clusters, whatever there is. Here a concept is the group of items
with the largest gain, looked for at several γ; it counts if its gain is beyond what evenly spread noise brings, at that
γ, in its direction; and what counts is taken out before the rest is looked at again, so that no concept is the shadow
of another.
"""
