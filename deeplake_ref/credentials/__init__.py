"""Who we are, one file per cloud; `chain` walks the ordered sources."""
