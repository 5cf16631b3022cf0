"""What the console is told of the rest of the controller, which it does not know itself: built once, by app.py."""
