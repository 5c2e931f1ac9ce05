"""Where usage is kept."""
