"""Who wins in every world, read off the wire, for the tables of the docs."""
