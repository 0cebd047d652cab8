"""Published claims about training, each tried by a small experiment whose initialization is initwise's."""
