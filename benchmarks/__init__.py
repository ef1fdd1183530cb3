"""One file an area: what we cost, next to peers and to the physical limit, in the same run."""
