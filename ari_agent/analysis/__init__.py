"""What a model says of conversations that are over."""
