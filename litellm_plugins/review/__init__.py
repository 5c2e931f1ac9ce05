"""What people make of the answers they were given."""
