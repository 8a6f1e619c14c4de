//! For tests only: the whole core on a virtual clock, and the plain model it is checked against.
