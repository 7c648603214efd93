"""Many seeds on correct targets: whatever turns red is a false alarm."""
